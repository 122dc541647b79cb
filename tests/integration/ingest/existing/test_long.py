"""Long texts get a vector for each passage, and an index that is followed stays current."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import ingest
from ingest import IndexRefusedError, Writing, describe_index
from query import Searcher
from tests.integration.ingest.existing.books import make_index
from tests.support.commands import ROOT
from tests.support.stubs import StubEncoder

# Of 8 tokens, 6 are words.
STUB = StubEncoder(max_length=8)
LONG = "One two three four five. Six seven eight nine. Ten eleven twelve thirteen fourteen."
TEXTS = {"body": {"type": "text"}, "price": {"type": "integer"}}
DOCUMENTS = [{"body": LONG, "price": 1}, {"body": "Short one.", "price": 2}, {"price": 3}]


def enrich(*args, **options):
    return ingest.enrich(*args, writing=Writing(max_outage=30.0), **options)


@pytest.fixture(params=["opensearch", "elasticsearch"])
def cluster(request):
    return request.getfixturevalue(request.param)


def test_each_passage_of_a_long_text_is_found(cluster, index_name):
    make_index(cluster, index_name, TEXTS, DOCUMENTS)
    done = enrich(cluster, index_name, STUB, text_field="body", passages="nested")
    assert (done.written, done.blank, done.truncated) == (2, 1, 0)
    assert done.vector_field == "body_passages.vector"
    last = "Ten eleven twelve thirteen fourteen."
    assert last in STUB.encoded
    cluster.client.indices.refresh(index=index_name)
    assert describe_index(cluster, index_name)["with_vector"] == 2
    with Searcher(cluster, index_name, encoder=STUB) as searcher:
        for mode in ("knn", "hybrid"):
            hit = searcher.search(last, mode=mode, k=1).hits[0]
            assert (hit.id, hit.text, hit.source["price"]) == ("0", LONG, 1)
        assert searcher.search(last, mode="knn", k=1).hits[0].score == pytest.approx(1, abs=1e-4)
    assert enrich(cluster, index_name, STUB).written == 0
    cluster.client.update(index=index_name, id="0", body={"doc": {"body": "Short now."}})
    assert enrich(cluster, index_name, STUB, passages="nested").written == 1
    cluster.client.indices.refresh(index=index_name)
    with Searcher(cluster, index_name, encoder=STUB) as searcher:
        assert searcher.search(last, mode="knn", k=1).hits[0].score < 0.99
    with pytest.raises(IndexRefusedError, match=r"with `passages='nested'`, which cannot be"):
        enrich(cluster, index_name, STUB, passages="first")
    with pytest.raises(IndexRefusedError, match="which no ingestion writes"):
        ingest.ingest([{"text": "x"}], cluster=cluster, encoder=STUB, index=index_name)


def test_else_the_first_passage_has_the_vector_and_the_rest_is_counted(cluster, index_name):
    make_index(cluster, index_name, TEXTS, DOCUMENTS)
    done = enrich(cluster, index_name, STUB, text_field="body")
    assert (done.written, done.truncated) == (2, 1)


@pytest.mark.long
def test_an_index_that_is_followed_stays_current_until_it_is_ended(
    opensearch, index_name, minilm, tmp_path
):
    make_index(opensearch, index_name, TEXTS, DOCUMENTS)
    words = ("--model", minilm, "--text-field", "body", "--follow", "--json", "--rejects")
    process = subprocess.Popen(
        [sys.executable, "-m", "tandem", "enrich", index_name, *words, str(tmp_path / "rejects")],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TANDEM_URL": opensearch.url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert vector_of(opensearch, index_name, "0", within=240)
        opensearch.client.index(index=index_name, id="new", body={"body": "brand new"})
        made = vector_of(opensearch, index_name, "new", within=120)
        opensearch.client.update(index=index_name, id="new", body={"doc": {"body": "changed"}})
        deadline = time.monotonic() + 900
        while np.allclose(vector_of(opensearch, index_name, "new", within=120), made):
            assert time.monotonic() < deadline
            time.sleep(0.5)
        time.sleep(0.5)  # the answer is on its way
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=900)
    finally:
        process.kill()
    assert process.returncode == 0, err
    report = json.loads(out)
    assert (report["written"], report["blank"], report["rejected"]) == (4, 1, 0)
    assert report["read"] == 5


def vector_of(cluster, index, name, within):
    """The vector of a document as soon as it has one."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if vector := cluster.client.get(index=index, id=name)["_source"].get("body_vector"):
            return vector
        time.sleep(0.5)
    raise AssertionError(f"{name} got no vector within {within} seconds")
