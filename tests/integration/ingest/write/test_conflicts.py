"""What comes under an id between its look-up and its write is written over by no load."""

import pytest

from ingest import Plan
from tests.support.loads import documents, ingested, stored
from tests.support.stubs import StubEncoder

THEIRS = {"text": "Not ours."}


class BesidesEncoder(StubEncoder):
    """Lets others do something after the look-up and before the first vector is there."""

    def __init__(self, others):
        super().__init__()
        self.others = others

    def stream_passages(self, texts, stopping=None):
        for number, vector in enumerate(super().stream_passages(texts, stopping)):
            if number == 0:
                self.others()
            yield vector


def put(cluster, index, name):
    cluster.client.index(index=index, id=name, body=THEIRS, params={"refresh": "true"})


@pytest.mark.parametrize("where", ["an index that was there", "a new index"])
def test_a_strangers_document_of_the_same_id_stays(either, index_name, tmp_path, where):
    given = {"cluster": either, "index": index_name}
    if where == "an index that was there":
        ingested(documents(10), encoder=StubEncoder(), **given)
    changed = [each | {"text": f"New {each['id']}."} for each in documents(20)]

    def others():
        for name in ("d3", "d12"):  # of the first one Tandem's own was seen, where it was there
            put(either, index_name, name)

    plan = Plan(rejects=tmp_path / "r.jsonl")
    report = ingested(changed, encoder=BesidesEncoder(others), plan=plan, **given)
    assert (report.read, report.written, report.rejected) == (20, 18, 2)
    assert "taken by a document that Tandem did not write" in next(iter(report.reasons))
    found = stored(either, index_name)
    assert found["d3"] == found["d12"] == THEIRS
    assert {found[each["id"]]["text"] for each in changed} == {
        THEIRS["text"],
        *(each["text"] for each in changed if each["id"] not in ("d3", "d12")),
    }


def test_what_another_load_wrote_or_removed_meanwhile_is_no_strangers(either, index_name):
    given = {"cluster": either, "index": index_name}
    ingested(documents(6), encoder=StubEncoder(), **given)
    changed = [each | {"text": f"New {each['id']}."} for each in documents(9)]

    def others():
        older = [each | {"text": f"Older {each['id']}."} for each in documents(3, first=5)]
        ingested([*older, changed[8]], encoder=StubEncoder(), **given)
        either.client.delete(index=index_name, id="d1", params={"refresh": "true"})

    report = ingested(changed, encoder=BesidesEncoder(others), **given)
    assert (report.read, report.written, report.rejected) == (9, 9, 0)
    found = stored(either, index_name)
    assert {name: each["text"] for name, each in found.items()} == {
        each["id"]: each["text"] for each in changed
    }
