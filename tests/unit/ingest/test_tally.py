"""Every document is counted once, and the report has the promised names."""

import json
import tracemalloc

import pytest

from ingest.errors import TooManyRejectsError
from ingest.read.rejects import RejectsFile
from ingest.records import Reject
from ingest.settings import RejectLimit
from ingest.tally import Outcome, Report, Tally
from tests.unit.ingest.documents import HERE, passages


@pytest.fixture
def tally(tmp_path):
    rejects = RejectsFile(tmp_path / "r.jsonl")
    yield Tally("i", rejects, RejectLimit(share=None, number=10))
    rejects.close()


def test_a_document_counts_once_when_its_last_passage_is_settled(tally, tmp_path):
    one, two, three = passages(0, 3), passages(1, 2), passages(2, 2)
    for each in (one, two, three):
        tally.took()
        tally.expect(each[0].document, len(each))
    tally.settle(one[:2], Outcome.SKIPPED)
    assert tally.report().read == 0
    assert tally.report().unfinished == 3
    tally.settle(one[2:], Outcome.WRITTEN)
    tally.settle(two, Outcome.SKIPPED)
    tally.reject_passage(three[1], "bad")
    tally.settle(three[:1], Outcome.WRITTEN)
    report = tally.report()
    assert (report.read, report.written, report.skipped, report.rejected) == (3, 1, 1, 1)
    assert (report.unfinished, report.passages_written, tally.stored) == (0, 2, 6)


def test_a_document_that_is_there_twice_counts_as_skipped(tally):
    tally.took()
    tally.skip()
    report = tally.report()
    assert (report.read, report.skipped, report.unfinished, tally.stored) == (1, 1, 0, 0)


def test_a_document_with_two_bad_passages_is_written_out_once(tally, tmp_path):
    both = passages(0, 2)
    tally.took()
    tally.expect(both[0].document, 2)
    tally.reject_passage(both[0], "bad")
    tally.reject_passage(both[1], "bad too")
    assert tally.report().rejected == 1
    (line,) = (tmp_path / "r.jsonl").read_bytes().splitlines()
    assert json.loads(line) == {
        "reason": "bad",
        "file": "a.jsonl",
        "line": 1,
        "id": "d0",
        "document": {"id": "d0"},
    }


def test_too_many_rejects_name_the_commonest_reason(tally):
    for n in range(10):
        tally.took()
        tally.reject(Reject("rare" if n == 3 else "common", HERE, raw="x"))
    tally.took()
    with pytest.raises(TooManyRejectsError, match=r"11 of 11 .* 10 of them because: common"):
        tally.reject(Reject("common", HERE, raw="x"))


@pytest.mark.parametrize(
    ("limit", "rejected", "read", "allowed"),
    [
        (RejectLimit(), 100, 100, True),
        (RejectLimit(), 101, 101, False),
        (RejectLimit(), 150, 20_000, True),
        (RejectLimit(), 201, 20_000, False),
        (RejectLimit(share=None, number=0), 1, 9, False),
        (RejectLimit(share=None, number=5), 5, 5, True),
    ],
)
def test_limits(limit, rejected, read, allowed):
    assert limit.allows(rejected, read) is allowed


def test_reasons_that_differ_in_numbers_are_told_together(tally):
    for n in range(3):
        tally.took()
        tally.reject(Reject(f"the id is taken by line {n + 1} of f", HERE, raw="x"))
    tally.took()
    tally.reject(Reject("no text", HERE, raw="x"))
    assert tally.report().reasons == {"the id is taken by line 1 of f": 3, "no text": 1}


def test_reasons_of_their_own_do_not_fill_the_memory(tmp_path):
    rejects = RejectsFile(tmp_path / "r.jsonl")
    tally = Tally("i", rejects, RejectLimit(share=1.0))
    tracemalloc.start()
    try:
        for n in range(6_000):
            tally.took()
            name = f"{n:x}".translate(str.maketrans("0123456789", "ghijklmnop"))
            tally.reject(Reject("common" if n % 3 == 0 else f"{name} is taken", HERE, raw="x"))
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        rejects.close()
    assert taken < 500_000
    assert tally.report().reasons["common"] == 2_000


def test_whether_all_of_a_document_is_stored_is_told_once_it_is_settled(tally):
    told = []
    tally.on_settled(lambda number, stored: told.append((number, stored)))
    for number in range(2):
        tally.took()
        tally.expect(passages(number, 2)[0].document, 2)
    tally.settle(passages(0, 2), Outcome.WRITTEN)
    tally.reject_passage(passages(1, 2)[0], "bad")
    assert told == [(0, True)]
    tally.settle(passages(1, 2)[1:], Outcome.WRITTEN)
    assert told == [(0, True), (1, False)]


def test_the_report_keeps_the_promised_names():
    report = Report("i", read=3, written=1, skipped=1, rejected=1, seconds=2.0)
    found = report.to_json()
    promised = ("read", "written", "skipped", "rejected", "seconds", "docs_per_second", "index")
    assert [found[name] for name in promised] == [3, 1, 1, 1, 2.0, 1.5, "i"]
    assert Report("i").docs_per_second == 0
    assert Report("i", stages={"read": 0.1, "encode": 0.9}).slowest == "encode"


def test_a_batch_adds_to_the_counts_and_to_the_rejects(tally, tmp_path):
    tally.took(11)
    tally.skip()
    report = Report("i", read=5, written=3, skipped=1, rejected=1, encoded=4, retries=2)
    tally.add(report, [Reject("odd", HERE)], stored=6)
    tally.add(report, [Reject("odd", HERE)], stored=6)
    found = tally.report()
    assert (found.read, found.written, found.skipped, found.rejected) == (11, 6, 3, 2)
    assert (found.encoded, found.retries, found.unfinished, tally.stored) == (8, 4, 0, 12)
    assert found.reasons == {"odd": 2}
    lines = (tmp_path / "r.jsonl").read_text().splitlines()
    assert [json.loads(line)["reason"] for line in lines] == ["odd", "odd"]


def test_rejects_of_all_batches_are_held_to_one_limit(tally):
    rejects = [Reject("odd", HERE)] * 6
    report = Report("i", read=6, rejected=6)
    tally.took(12)
    tally.add(report, rejects, stored=0)
    with pytest.raises(TooManyRejectsError, match="11 of 11 documents were rejected"):
        tally.add(report, rejects, stored=0)


def test_a_share_of_rejects_is_of_what_is_settled_however_much_was_taken(tmp_path):
    file = RejectsFile(tmp_path / "r.jsonl")
    tally = Tally("i", file, RejectLimit(share=0.5, number=0))
    tally.took(1000)
    batch, rejects = Report("i", written=3), [Reject("odd", HERE)]
    tally.add(batch, rejects * 3, stored=3)
    with pytest.raises(TooManyRejectsError, match="7 of 13 documents were rejected"):
        tally.add(batch, rejects * 9, stored=3)
    file.close()
