"""A batch of rows by itself does what a run does with them, and what came of it adds up."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Lock

import pytest

from ingest import Plan, ingest, load_batch
from ingest.index.loading import new_token
from ingest.index.open import open_index
from ingest.records import Origin, Reject, Row
from mappings import Shape
from tests.support.loads import documents, stored
from tests.support.stubs import StubEncoder


def rows(found, first=1):
    return [Row(Origin("here", n), each) for n, each in enumerate(found, first)]


@pytest.fixture
def load(either, index_name):
    index = open_index(either, index_name, StubEncoder(), Shape(), new_token(), None)

    def load(found, **given):
        given = {"encoder": StubEncoder(), "plan": Plan(), **given}
        made = load_batch(found, cluster=either, index=index, **given)
        # It comes from another process.
        return pickle.loads(pickle.dumps(made))

    return load


def test_batches_leave_what_one_run_leaves(load, either, index_name):
    source = documents(300)
    bad = Reject("no row", Origin("here", 301), raw="{")
    first, second = load(rows(source[:200])), load([*rows(source[200:], 201), bad])
    assert (first.report.read, first.report.written, first.stored) == (200, 200, 200)
    assert (second.report.read, second.report.written, second.report.rejected) == (101, 100, 1)
    assert second.rejects == (bad,)
    there = stored(either, index_name)
    assert there.keys() == {each["id"] for each in source}
    # A run over the same finds all of it as it would have written it.
    report = ingest(source, cluster=either, encoder=StubEncoder(), index=index_name)
    assert (report.written, report.skipped) == (0, 300)
    assert stored(either, index_name) == there


def test_a_batch_goes_past_a_pipeline_that_would_encode_as_a_run_does(opensearch, index_name):
    index = open_index(opensearch, index_name, StubEncoder(), Shape(), new_token(), None)
    lost = {"processors": [{"drop": {}}]}
    opensearch.client.ingest.put_pipeline(id=index_name, body=lost)
    settings = {"index.default_pipeline": index_name}
    opensearch.client.indices.put_settings(index=index_name, body=settings)
    try:
        made = load_batch(
            rows(documents(3)),
            cluster=opensearch,
            encoder=StubEncoder(),
            index=replace(index, bypass=True),
            plan=Plan(),
        )
        assert (made.report.written, len(stored(opensearch, index_name))) == (3, 3)
    finally:
        opensearch.client.indices.put_settings(
            index=index_name, body={"index.default_pipeline": None}
        )
        opensearch.client.ingest.delete_pipeline(id=index_name)


def test_ids_of_batches_before_are_refused(load):
    class Before:
        def add(self, document_id, origin):
            return Origin("there", 7) if document_id == "d1" else None

        def note(self, document_id):
            pass

    made = load(rows(documents(3)), ids=Before())
    assert (made.report.written, made.report.rejected) == (2, 1)
    assert made.rejects[0].reason == "the id is taken by line 7 of there"


def test_batches_of_one_encoder_overlap_and_encode_in_turn(load):
    source, turn, at_once = documents(120), Lock(), []

    class Watched(StubEncoder):
        def stream_passages(self, texts, stopping=None):
            at_once.append("begun")
            yield from super().stream_passages(texts, stopping)
            at_once.append("ended")

    encoder = Watched(seconds=0.001)
    with ThreadPoolExecutor(3) as threads:
        parts = [rows(source[n : n + 40], n) for n in range(0, 120, 40)]
        made = list(threads.map(lambda part: load(part, encoder=encoder, turn=turn), parts))
    assert [each.report.written for each in made] == [40, 40, 40]
    assert at_once == ["begun", "ended"] * 3
    assert not turn.locked()


def test_no_rows_give_zeros(load):
    made = load([])
    assert (made.report.read, made.stored, made.rejects) == (0, 0, ())
