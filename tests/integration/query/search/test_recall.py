"""Neighbours under a filter: all that are asked for, all that match, and nearly all the nearest."""

import numpy as np
import pytest

from query import Searcher
from tests.support.searches import loaded

COUNT, DIM, TOPICS, QUERIES, K = 20_000, 48, 150, 60, 10
RECALL = 0.95


class Topics:
    """Vectors in clusters, of which texts are the numbers: neighbours are near, not at random."""

    name, fingerprint, dim, settings = "topics", "70b1c5", DIM, {}
    max_length, passage_room = 64, 62

    def __init__(self):
        dice = np.random.default_rng(8)
        topics = dice.standard_normal((TOPICS, DIM))
        found = topics[dice.integers(TOPICS, size=COUNT + QUERIES)]
        found = found + 0.8 * dice.standard_normal(found.shape)
        self.vectors = (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)

    def stream_passages(self, texts, stopping=None):
        return (self.vectors[int(text)] for text in texts)

    def encode_queries(self, texts):
        return self.vectors[[int(text) for text in texts]]

    def token_spans(self, text):
        return [(0, len(text))]

    def count_tokens(self, texts):
        return [3] * len(texts)

    def close(self):
        pass


@pytest.fixture(scope="module", params=["opensearch", "elasticsearch"])
def cluster(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def topics():
    return Topics()


@pytest.fixture(
    scope="module",
    params=[1, pytest.param(2, marks=pytest.mark.long)],
    ids=["one-shard", "two-shards"],
)
def searcher(request, cluster, topics):
    rows = [{"_id": f"p{n}", "text": str(n), "bucket": n % 100} for n in range(COUNT)]
    with (
        loaded(cluster, rows, shards=request.param, by=topics) as name,
        Searcher(cluster, name, encoder=topics) as made,
    ):
        yield made


def recall(searcher, vectors, where, allowed):
    shares = []
    for n in range(COUNT, COUNT + QUERIES):
        cosines = vectors[allowed] @ vectors[n]
        exact = {f"p{allowed[i]}" for i in np.argsort(-cosines)[:K]}
        found = [hit.id for hit in searcher.search(str(n), mode="knn", k=K, where=where)]
        assert len(found) == len(set(found)) == K
        assert set(found) <= {f"p{each}" for each in allowed}
        shares.append(len(exact & set(found)) / K)
    return float(np.mean(shares))


def test_a_filter_that_one_in_a_hundred_meets(searcher, topics):
    allowed = np.arange(7, COUNT, 100)
    assert len(allowed) == COUNT // 100
    assert recall(searcher, topics.vectors, ("bucket=7",), allowed) >= RECALL


def test_a_filter_that_half_meet(searcher, topics):
    allowed = np.array([n for n in range(COUNT) if n % 100 >= 50])
    assert recall(searcher, topics.vectors, ("bucket>=50",), allowed) >= RECALL


def test_no_filter(searcher, topics):
    assert recall(searcher, topics.vectors, (), np.arange(COUNT)) >= RECALL
