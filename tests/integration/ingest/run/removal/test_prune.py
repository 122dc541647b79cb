"""What the end of a load removes and changes: what Tandem wrote, and no more than was allowed."""

import json

import pytest

from ingest import IngestError, Plan, PruneLimit
from ingest.settings import Splitting
from tests.support.commands import tandem
from tests.support.loads import documents, ingested, stored, write_jsonl
from tests.support.stubs import StubEncoder

STAMP = f"{'a' * 32}:{'b' * 16}:1"
# What others may have put beside our documents; none of it is what Tandem writes.
STRANGERS = {
    "plain": {"text": "Not ours."},
    "d3##7x": {"text": "An id that is nearly one of ours.", "document_id": "d3"},
    "hashed": {"text": "A hash of their own.", "document_id": "hashed", "content_hash": "0123"},
    "counted": {"document_id": "counted", "content_hash": "a:b:3"},
    "number": {"document_id": "7", "content_hash": "x"},
    "copied": {"text": "A copy under another id.", "document_id": "d1", "content_hash": STAMP},
}
ALL = Plan(confirm_prune=lambda count, sample: True)


def put(cluster, index, **sources):
    for name, source in sources.items():
        cluster.client.index(index=index, id=name, body=source, params={"refresh": "true"})


def load(cluster, index, source, plan=None, **more):
    given = {"cluster": cluster, "encoder": StubEncoder(), "index": index, **more}
    return ingested(source, plan=plan or Plan(), **given)


@pytest.mark.parametrize("with_vector", [True, False])
def test_documents_of_others_stay_as_they_are(either, index_name, with_vector):
    load(either, index_name, documents(9))
    vector = {"vector": StubEncoder().vector("any").tolist()} if with_vector else {}
    put(either, index_name, **{name: {**each, **vector} for name, each in STRANGERS.items()})
    for _ in range(2):
        report = load(either, index_name, documents(7), ALL)
        assert report.held == 7 + 4 * with_vector  # those with a vector and fields like ours
        found = stored(either, index_name)
        assert found.keys() == {f"d{n}" for n in range(7)} | STRANGERS.keys()
        for name, source in STRANGERS.items():
            assert found[name].keys() - {"vector"} == source.keys()
            assert {**found[name], **source} == found[name]
    assert report.pruned == 0


def test_a_document_of_others_is_not_written_over(either, index_name, tmp_path):
    load(either, index_name, documents(3))
    put(either, index_name, d3={"text": "Not ours."}, d4=STRANGERS["hashed"])
    report = load(either, index_name, documents(6), Plan(rejects=tmp_path / "r"))
    assert (report.written, report.skipped, report.rejected) == (1, 3, 2)
    assert "d3" in next(iter(report.reasons))
    assert stored(either, index_name)["d3"] == {"text": "Not ours."}
    assert stored(either, index_name)["d4"] == STRANGERS["hashed"]


def test_a_passage_that_others_wrote_over_is_no_left_over(either, index_name):
    long = {"id": "long", "text": " ".join(f"Sentence number {n} of many." for n in range(60))}
    plan = Plan(splitting=Splitting(overlap=0))
    load(either, index_name, [long], plan)
    names = sorted(stored(either, index_name), key=lambda name: int(f"{name}##0".split("##")[1]))
    assert len(names) > 3
    put(either, index_name, **{names[2]: {"text": "Not ours."}})
    report = load(either, index_name, [{"id": "long", "text": "Short."}], plan)
    assert report.removed == len(names) - 2
    assert stored(either, index_name).keys() == {"long", names[2]}


def test_what_somebody_changes_while_it_is_asked_about_stays(either, index_name):
    load(either, index_name, documents(4))
    theirs = {"text": "Not ours any more."}

    def confirm(count, sample):
        put(either, index_name, d2=theirs)
        # Tandem's own, but of another load: its document is there again.
        again = {"doc": {"year": 1}}
        either.client.update(index=index_name, id="d3", body=again, params={"refresh": "true"})
        return True

    report = load(either, index_name, documents(1), Plan(confirm_prune=confirm))
    assert report.pruned == 1
    assert "2 passages whose documents the source no longer has stay" in report.warnings[-1]
    assert stored(either, index_name).keys() == {"d0", "d2", "d3"}
    assert stored(either, index_name)["d2"] == theirs


def test_a_source_that_was_cut_short_empties_nothing(either, index_name):
    load(either, index_name, documents(100))
    before = stored(either, index_name)
    with pytest.raises(IngestError, match=r"90 of 100 documents in index .* and at most 10 may"):
        load(either, index_name, documents(10), ALL)
    assert stored(either, index_name) == before
    assert load(either, index_name, documents(90), ALL).pruned == 10
    # Of few documents, a few may go.
    with pytest.raises(IngestError, match=r"10 of 90 documents in index .* and at most 9 may"):
        load(either, index_name, documents(80), ALL)
    limit = PruneLimit(share=None, number=85)
    report = load(
        either, index_name, documents(5), Plan(confirm_prune=ALL.confirm_prune, max_prune=limit)
    )
    assert report.pruned == 85
    assert load(either, index_name, documents(1), ALL).pruned == 4


def test_what_lacks_a_vector_and_is_gone_fails_no_later_load(either, index_name):
    """An empty hash marks what is to be written anew, which a source without it never does."""
    load(either, index_name, documents(4))
    update = {"doc": {"content_hash": "", "vector": None}}
    either.client.update(index=index_name, id="d3", body=update, params={"refresh": "true"})
    report = load(either, index_name, documents(3))
    assert (report.skipped, report.held) == (3, 3)
    assert load(either, index_name, documents(3), ALL).pruned == 1


def test_the_command_has_a_bound_and_says_the_cure(opensearch, index_name, tmp_path, minilm):
    def run(*words):
        where = ("--index", index_name, "--model", minilm, "--replicas", "0")
        return tandem("ingest", *words, *where, TANDEM_URL=opensearch.url)

    whole = write_jsonl(tmp_path / "whole.jsonl", documents(20))
    cut = write_jsonl(tmp_path / "cut.jsonl", documents(2))
    assert run(whole).code == 0
    planned = run(cut, "--prune", "--dry-run")
    assert "18 of 20 documents that the source no longer has (d" in planned.out
    assert "at most 5 may be removed" in planned.err
    facts = json.loads(run(cut, "--prune", "--dry-run", "--json", "--max-prune", "18").out)
    assert (facts["pruned"]["documents"], facts["pruned"]["held"]) == (18, 20)
    assert not any("nothing was pruned" in each for each in facts["warnings"])
    done = run(cut, "--prune", "--yes")
    assert done.code == 1
    assert "18 of 20 documents" in done.err
    assert "at most 5 may be removed" in done.err
    assert "--max-prune 18" in done.err
    assert len(stored(opensearch, index_name)) == 20
    assert run(cut, "--prune", "--yes", "--max-prune", "18").code == 0
    assert len(stored(opensearch, index_name)) == 2
    assert run(cut, "--prune", "--yes", "--max-prune", "-1").code == 2
