"""Fields that hold compressed vectors: candidates are scored again with whole vectors."""

import uuid

import numpy as np
import pytest

from ingest import ingest
from mappings import EncoderRecord, IndexRecord, Shape, index_body
from query import Knn, Searcher, Tuning
from tests.support.loads import documents
from tests.support.searches import DIM, cosines, encoder

COUNT = 2000
K = 10


@pytest.fixture(scope="module", params=["opensearch", "elasticsearch"])
def compressed(request):
    """An index of int8 vectors, made by its owner from Tandem's own body, and its rows."""
    cluster = request.getfixturevalue(request.param)
    by = encoder()
    record = IndexRecord(EncoderRecord(by.name, by.fingerprint, DIM))
    body = index_body(record, Shape(replicas=0), request.param)
    vector = body["mappings"]["properties"]["vector"]
    if request.param == "opensearch":
        vector["method"]["parameters"]["encoder"] = {"name": "sq", "parameters": {"bits": 7}}
    else:
        vector["index_options"]["type"] = "int8_hnsw"
    name = f"test-{uuid.uuid4().hex[:12]}"
    cluster.client.indices.create(index=name, body=body)
    try:
        rows = documents(COUNT)
        assert ingest(rows, cluster=cluster, index=name, encoder=by).written == COUNT
        yield cluster, name, rows, by
    finally:
        cluster.client.indices.delete(index=name)


def best(query, rows, by):
    exact = cosines(query, rows, by)
    return sorted(exact, key=lambda each: -exact[each])[:K]


def test_candidates_are_scored_again_with_whole_vectors(compressed):
    cluster, name, rows, by = compressed
    tuning = Tuning(knn=Knn(oversample=5))
    with Searcher(cluster, name, encoder=by) as searcher:
        for text in (f"question {n}" for n in range(20)):
            hits = searcher.search(text, mode="knn", k=K, tuning=tuning)
            assert [hit.id for hit in hits] == best(text, rows, by)
            exact = cosines(text, rows, by)
            found = np.array([hit.cosine for hit in hits])
            assert np.abs(found - [exact[hit.id] for hit in hits]).max() < 1e-5


def test_without_it_scores_are_of_compressed_vectors(compressed):
    cluster, name, rows, by = compressed
    with Searcher(cluster, name, encoder=by) as searcher:
        hits = searcher.search("question 1", mode="knn", k=K)
    exact = cosines("question 1", rows, by)
    apart = [abs(hit.cosine - exact[hit.id]) for hit in hits]
    assert max(apart) > 1e-3
