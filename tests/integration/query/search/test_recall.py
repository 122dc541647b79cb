"""Neighbours under a filter: all that are asked for, all that match, and nearly all the nearest."""

import numpy as np
import pytest

from query import Searcher
from tests.support.searches import loaded

DIM, TOPICS, QUERIES, K = 48, 150, 60, 10
# Shards and passages: of one in a hundred there are still five times as many as are asked for.
SIZES = {"one-shard": (1, 5_000), "two-shards": (2, 20_000)}
RECALL = 0.95


class Topics:
    """Vectors in clusters, of which texts are the numbers: neighbours are near, not at random."""

    name, fingerprint, dim, settings = "topics", "70b1c5", DIM, {}
    max_length, passage_room = 64, 62

    def __init__(self, count):
        self.count = count
        dice = np.random.default_rng(8)
        topics = dice.standard_normal((TOPICS, DIM))
        found = topics[dice.integers(TOPICS, size=count + QUERIES)]
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


@pytest.fixture(
    scope="module",
    params=["one-shard", pytest.param("two-shards", marks=pytest.mark.long)],
)
def size(request):
    return SIZES[request.param]


@pytest.fixture(scope="module")
def topics(size):
    return Topics(size[1])


@pytest.fixture(scope="module")
def searcher(cluster, size, topics):
    rows = [{"_id": f"p{n}", "text": str(n), "bucket": n % 100} for n in range(topics.count)]
    with (
        loaded(cluster, rows, shards=size[0], by=topics) as name,
        Searcher(cluster, name, encoder=topics) as made,
    ):
        yield made


def recall(searcher, topics, where, allowed):
    shares, vectors = [], topics.vectors
    for n in range(topics.count, topics.count + QUERIES):
        cosines = vectors[allowed] @ vectors[n]
        exact = {f"p{allowed[i]}" for i in np.argsort(-cosines)[:K]}
        found = [hit.id for hit in searcher.search(str(n), mode="knn", k=K, where=where)]
        assert len(found) == len(set(found)) == K
        assert set(found) <= {f"p{each}" for each in allowed}
        shares.append(len(exact & set(found)) / K)
    return float(np.mean(shares))


def test_a_filter_that_one_in_a_hundred_meets(searcher, topics):
    allowed = np.arange(7, topics.count, 100)
    assert len(allowed) == topics.count // 100 > K
    assert recall(searcher, topics, ("bucket=7",), allowed) >= RECALL


def test_a_filter_that_half_meet(searcher, topics):
    allowed = np.array([n for n in range(topics.count) if n % 100 >= 50])
    assert recall(searcher, topics, ("bucket>=50",), allowed) >= RECALL


def test_no_filter(searcher, topics):
    assert recall(searcher, topics, (), np.arange(topics.count)) >= RECALL
