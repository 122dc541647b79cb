"""A first load that fails leaves no empty index behind, and takes nothing of anybody else's."""

import os
import signal
import subprocess
import sys
import time

import pytest

from ingest import IngestError, Plan, RejectLimit, TooManyRejectsError
from ingest.index.note import Loader, Note
from ingest.index.open import create_index
from query import Searcher
from tests.support.commands import tandem
from tests.support.loads import ROOT, documents, ingested, stored
from tests.support.stubs import StubEncoder


class FailingEncoder(StubEncoder):
    """Fails before the first vector; whoever is told what else happens meanwhile."""

    def __init__(self, meanwhile=lambda: None):
        super().__init__()
        self.meanwhile = meanwhile

    def stream_passages(self, texts, stopping=None):
        self.meanwhile()
        raise IngestError("the encoder failed")
        yield


def failed(cluster, encoder=None, **where):
    with pytest.raises(IngestError, match="the encoder failed"):
        ingested(documents(40), cluster=cluster, encoder=encoder or FailingEncoder(), **where)


def test_an_aborted_first_load_leaves_no_empty_index(opensearch, index_name):
    failed(opensearch, index=index_name)
    assert not opensearch.client.indices.exists(index=index_name)
    failed(opensearch, alias=index_name)
    assert not opensearch.client.indices.get(index=f"{index_name}*")


def test_too_much_that_is_refused_leaves_none(opensearch, index_name, tmp_path):
    refused = [{"id": f"d{n}", "text": ""} for n in range(20)]
    plan = Plan(max_rejects=RejectLimit(share=None, number=10), rejects=tmp_path / "rejects")
    with pytest.raises(TooManyRejectsError):
        ingested(refused, cluster=opensearch, encoder=StubEncoder(), index=index_name, plan=plan)
    assert not opensearch.client.indices.exists(index=index_name)


def test_a_signal_before_the_first_document_leaves_none(opensearch, index_name, minilm):
    process = started("ingest", "-", "--index", index_name, "--model", minilm, url=opensearch.url)
    try:
        deadline = time.monotonic() + 900
        while not opensearch.client.indices.exists(index=index_name):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=900)
    finally:
        process.kill()
    assert (process.returncode, "Traceback" in err) == (130, False)
    assert not opensearch.client.indices.exists(index=index_name)


def started(*words, url):
    """The command, whose standard input says nothing and stays open."""
    return subprocess.Popen(
        [sys.executable, "-m", "tandem", *words],
        cwd=ROOT,
        env={**os.environ, "TANDEM_URL": url},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_what_a_killed_load_left_empty_is_told_and_goes_with_the_next_that_fails(
    opensearch, index_name
):
    dead = Note(loaders={"0" * 16: Loader("elsewhere", 1, 0)}, made=True)
    create_index(opensearch, index_name, StubEncoder(), note=dead)
    with Searcher(opensearch, index_name, encoder=StubEncoder()) as searcher:
        found = searcher.search("bees")
    assert (len(found), "a load of it was broken off" in found.notes[0]) == (0, True)
    assert "can be found yet" in found.partial
    done = tandem(
        "search", "bees", "--index", index_name, "--mode", "bm25", "--url", opensearch.url
    )
    assert done.code == 3  # not as where nothing matches
    assert "this answer is incomplete: nothing of" in done.err
    failed(opensearch, index=index_name)
    assert not opensearch.client.indices.exists(index=index_name)


def test_an_index_that_was_there_stays_though_empty(opensearch, index_name):
    create_index(opensearch, index_name, StubEncoder())
    failed(opensearch, index=index_name)
    assert opensearch.client.indices.exists(index=index_name)


def test_what_others_wrote_meanwhile_stays(opensearch, index_name):
    def write():
        opensearch.client.index(index=index_name, id="theirs", body={"text": "of others"})

    failed(opensearch, FailingEncoder(write), index=index_name)
    assert stored(opensearch, index_name).keys() == {"theirs"}


def test_an_index_made_anew_by_others_meanwhile_stays(opensearch, index_name):
    def replace():
        opensearch.client.indices.delete(index=index_name)
        opensearch.client.indices.create(index=index_name)

    failed(opensearch, FailingEncoder(replace), index=index_name)
    assert opensearch.client.indices.exists(index=index_name)
