"""A new index behind an alias: filled whole, switched in one step, and never by two at once."""

import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from ingest import IndexRefusedError, IngestError, Plan
from ingest.index.aliases.alias import switch
from ingest.index.loading import new_token
from ingest.index.note import SILENT_SECONDS, Note, busy, mark
from ingest.index.open import create_index
from ingest.settings import RejectLimit
from mappings import LOADING, Shape
from tests.support.loads import documents, ingested, meta_of, stored, write_jsonl
from tests.support.stubs import StubEncoder


def test_an_alias_goes_to_a_new_index_when_all_is_there(either, index_name):
    def held():
        return list(either.client.indices.get_alias(name=index_name))

    def fill(source, **encoder):
        return ingested(source, cluster=either, alias=index_name, encoder=StubEncoder(**encoder))

    first = fill(documents(10)).index
    assert held() == [first]
    second = fill(documents(12), dim=9, fingerprint="beef").index
    assert held() == [second] != [first]
    assert either.client.count(index=index_name)["count"] == 12
    assert switch(either, index_name, first, keep=None).gone == ()
    assert held() == [first]
    assert switch(either, index_name, second, keep=0).gone == (first,)
    assert held() == [second]


def test_an_interrupted_alias_load_is_found_and_continued(either, index_name):
    def breaking():
        yield from documents(1000)
        # What is on its way now gets there: a failure drops it.
        time.sleep(1)
        raise RuntimeError("interrupted")

    first = StubEncoder()
    with pytest.raises(RuntimeError):
        ingested(breaking(), cluster=either, alias=index_name, encoder=first)
    assert not either.client.indices.exists_alias(name=index_name)
    second = StubEncoder()
    source = documents(900, first=100)
    report = ingested(source, cluster=either, alias=index_name, encoder=second)
    assert report.skipped > 0
    assert len(second.encoded) == 900 - report.skipped
    # What the source no longer has must not go live.
    assert stored(either, index_name).keys() == {d["id"] for d in source}
    assert len(either.client.indices.get(index=f"{index_name}-*")) == 1


@pytest.mark.parametrize("source", [[], [{"id": f"d{n}", "txet": "x"} for n in range(80)]])
def test_an_alias_does_not_go_to_an_empty_index(either, index_name, tmp_path, source):
    plan = Plan(keep=0, rejects=tmp_path / "r")
    fill = {"cluster": either, "alias": index_name, "encoder": StubEncoder(), "plan": plan}
    first = ingested(documents(10), **fill).index
    with pytest.raises(IngestError, match=r"stays where it is, because no document came"):
        ingested(source, **fill)
    assert list(either.client.indices.get_alias(name=index_name)) == [first]
    assert ingested(documents(11), **fill).deleted == (first,)


def test_an_alias_does_not_go_where_too_much_is_missing(either, index_name, tmp_path):
    source = [*documents(95), *({"id": f"bad{n}"} for n in range(5))]
    fill = {"cluster": either, "alias": index_name, "encoder": StubEncoder()}
    with pytest.raises(IngestError, match=r"5 of 100 documents were rejected.*`max_rejects`"):
        ingested(source, **fill, plan=Plan(rejects=tmp_path / "r"))
    assert not either.client.indices.exists_alias(name=index_name)
    allowing = Plan(rejects=tmp_path / "r", max_rejects=RejectLimit(share=0.05))
    report = ingested(source, **fill, plan=allowing)
    assert (report.skipped, report.rejected, report.alias) == (95, 5, index_name)


def test_two_alias_loads_at_once_do_not_mix(opensearch, index_name):
    """Another process fills the first index; whether it lives is all that is asked."""
    fill = {"cluster": opensearch, "alias": index_name}
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        note = Note(index_name, loaders={new_token(): replace(mark(), pid=other.pid)})
        theirs = f"{index_name}-20260101000000"
        create_index(opensearch, theirs, StubEncoder(), note=note)
        with pytest.raises(IndexRefusedError, match=rf"loaded already .process {other.pid} on"):
            ingested(documents(5), encoder=StubEncoder(), **fill)
        other.communicate(b"\n")
    assert ingested(documents(5), encoder=StubEncoder(), **fill).index == theirs
    assert LOADING not in meta_of(opensearch, theirs)


def test_a_silent_owner_on_another_machine_is_taken_for_dead(opensearch, index_name):
    silent = replace(mark(), host="elsewhere", at=mark().at - SILENT_SECONDS - 5)
    assert busy(Note(loaders={"a": silent})) is None
    assert "elsewhere" in busy(Note(loaders={"a": replace(silent, at=mark().at - 100)}))
    assert busy(Note()) is busy(None) is None


def test_a_load_shows_that_it_lives(opensearch, index_name):
    marks = []

    def watched():
        for document in documents(3):
            found = opensearch.client.indices.get(index=f"{index_name}-*")
            [made] = found.values()
            marks.extend(made["mappings"]["_meta"][LOADING]["loaders"].values())
            yield document

    ingested(watched(), cluster=opensearch, alias=index_name, encoder=StubEncoder())
    assert marks[0]["pid"] == os.getpid()
    assert abs(marks[0]["at"] - time.time()) < 60


def test_an_interrupted_load_of_another_shape_is_left_and_removed_in_the_end(either, index_name):
    other = f"{index_name}-20260101000000"
    create_index(
        either, other, StubEncoder(), shape=Shape(analyzer="whitespace"), note=Note(index_name)
    )
    fill = {"cluster": either, "alias": index_name, "encoder": StubEncoder()}
    report = ingested(documents(5), **fill, plan=Plan(keep=1))
    assert report.index != other
    assert report.deleted == (other,)


def test_mended_rejects_do_not_go_live_alone(either, index_name, tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", [*documents(200), {"id": "bad", "text": 5}])
    fill = {"cluster": either, "encoder": StubEncoder()}
    report = ingested(source, alias=index_name, **fill)
    assert report.rejected == 1
    rejects = tmp_path / "a.jsonl.rejects"
    rejects.write_text(rejects.read_text().replace('"text":5', '"text":"five"'))
    with pytest.raises(IngestError, match=rf"nothing else.*`index='{index_name}'`"):
        ingested(rejects, alias=index_name, **fill)
    assert ingested(rejects, index=index_name, **fill).written == 1
    assert len(stored(either, index_name)) == 201


def test_an_alias_cannot_have_an_indexs_name(opensearch, index_name):
    fill = {"cluster": opensearch, "encoder": StubEncoder()}
    ingested(documents(1), index=index_name, **fill)
    with pytest.raises(IndexRefusedError, match="is an index"):
        ingested(documents(1), alias=index_name, **fill)
