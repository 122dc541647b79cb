"""The small parts: identity, seen ids, tally, budget, threads."""

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ingest.errors import IngestError, TooManyRejectsError
from ingest.passages.encode import encode
from ingest.read.rejects import RejectsFile
from ingest.read.rows import Rows
from ingest.read.sources.files import find_sources
from ingest.records import Action, Document, Origin, Passage, Reject, parse_stamp, passage_id, stamp
from ingest.run.deduplicate import Seen
from ingest.run.stages import HEAVIEST, CancelledError, Clock, Flow
from ingest.settings import Reading, Writing
from ingest.tally import Outcome, RejectLimit, Report, Tally
from ingest.write.bulk import LONGEST_WAIT, SMALLEST_REQUEST, Budget, requests
from tests.support.loads import ROOT
from tests.support.stubs import StubEncoder

HERE = Origin("a.jsonl", 1)


def passages(number, count):
    document = Document(number, f"d{number}", "x", None, {}, "", "", HERE, {"id": f"d{number}"})
    return [
        Passage(document, passage_id(document.id, n), n, count, "x", {}, "s") for n in range(count)
    ]


def test_stamps_tell_what_changed():
    base = parse_stamp(stamp("f", "text", {"a": 1, "b": 2}, 1))
    assert parse_stamp(stamp("f", "text", {"b": 2, "a": 1}, 1)) == base
    assert parse_stamp(stamp("f", "text", {"a": 2}, 1)).encoded == base.encoded
    assert parse_stamp(stamp("f", "text", {"a": 2}, 1)).rest != base.rest
    assert parse_stamp(stamp("g", "text", {"a": 1}, 1)).encoded != base.encoded
    assert parse_stamp(stamp("f", "Text", {"a": 1}, 1)).encoded != base.encoded
    assert stamp("f", "text", {"a": 1}, 2) != stamp("f", "text", {"a": 1}, 1)
    assert [parse_stamp(bad) for bad in (None, "", "abc", "a:b:c")] == [None] * 4


def test_seen_tells_the_first_place_of_an_id():
    seen = Seen()
    assert seen.add("a", Origin("one", 3)) is None
    assert seen.add("b", Origin("two", 4)) is None
    assert seen.add("a", Origin("two", 5)) == Origin("one", 3)
    assert seen.add("b", Origin("one", 6)) == Origin("two", 4)
    assert "a" in seen
    # The id of a refused document is in the source, and still to be had by a good one.
    seen.note("d")
    seen.note("a")
    assert "d" in seen
    assert seen.add("d", Origin("two", 7)) is None
    assert seen.add("d", Origin("two", 8)) == Origin("two", 7)
    assert seen.add("a", Origin("two", 9)) == Origin("one", 3)
    assert "c" not in seen
    seen.close()


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


def test_no_rejects_make_no_file_and_a_bad_folder_is_one_sentence(tmp_path):
    RejectsFile(tmp_path / "none.jsonl").close()
    assert not (tmp_path / "none.jsonl").exists()
    nowhere = RejectsFile(tmp_path / "no" / "folder")
    for act in (nowhere.check, lambda: nowhere.write(Reject("r", HERE))):
        with pytest.raises(IngestError, match=r"cannot be written.*`rejects`"):
            act()


def test_what_an_earlier_run_refused_is_put_away_after_one_that_refused_nothing(tmp_path):
    path, kept = tmp_path / "r", tmp_path / "r~"
    assert not RejectsFile(path).retire()
    path.write_text("old\n")
    assert RejectsFile(path).retire()
    assert kept.read_text() == "old\n"
    assert not path.exists()
    rejects = RejectsFile(path)
    rejects.write(Reject("r", HERE))
    assert not rejects.retire()
    rejects.close()
    assert path.exists()
    device = tmp_path / "null"
    device.symlink_to("/dev/null")
    assert not RejectsFile(device).retire()
    assert device.is_symlink()


def test_no_kept_rejects_file_is_written_over(tmp_path):
    path = tmp_path / "a.jsonl.rejects"
    for number in range(1, 5):
        path.write_text(f"mended {number}\n")
        assert RejectsFile(path).retire()
    kept = ["a.jsonl.rejects~", "a.jsonl.rejects~2", "a.jsonl.rejects~3", "a.jsonl.rejects~4"]
    assert [(tmp_path / name).read_text() for name in kept] == [
        f"mended {n}\n" for n in range(1, 5)
    ]
    (tmp_path / "b.jsonl").write_text("{}\n")
    assert [file.name for file in find_sources(f"{tmp_path}/*")] == [str(tmp_path / "b.jsonl")]
    assert Rows(tmp_path / kept[2], Reading()).of_rejects == str(tmp_path / kept[2])


def test_a_rejects_file_is_no_more_readable_than_its_sources(tmp_path):
    umask = os.umask(0o002)
    try:
        for number, (modes, mode) in enumerate(
            {(0o600,): 0o600, (0o640, 0o606): 0o600, (0o644,): 0o644, (0o755,): 0o644}.items()
        ):
            sources = [tmp_path / f"{number}-{mode:o}" for mode in modes]
            for source, own in zip(sources, modes, strict=True):
                source.write_text('{"id": "a"}\n')
                source.chmod(own)
            assert mode_of(tmp_path / f"r{number}", Rows(sources, Reading())) == mode
        assert mode_of(tmp_path / "python", Rows([{"id": "a"}], Reading())) == 0o600
    finally:
        os.umask(umask)


def mode_of(path, rows):
    rejects = RejectsFile(path, rows.rejects_mode)
    rejects.write(Reject("r", HERE))
    rejects.close()
    return path.stat().st_mode & 0o777


def test_rejects_to_a_dash_are_refused_with_the_cure():
    with pytest.raises(IngestError, match=r"`rejects='-'` .*/dev/stdout"):
        RejectsFile(Path("-")).check()


def test_a_device_is_written_into_and_keeps_its_name(tmp_path):
    path = tmp_path / "null"
    path.symlink_to("/dev/null")
    rejects = RejectsFile(path)
    rejects.check()
    rejects.write(Reject("r", HERE))
    rejects.close()
    assert [each.name for each in tmp_path.iterdir()] == ["null"]


def test_a_full_disk_is_one_sentence(tmp_path):
    path = tmp_path / "full"
    path.symlink_to("/dev/full")
    rejects = RejectsFile(path)
    with pytest.raises(IngestError, match=r"full cannot be written \(no space left.*`rejects`"):
        rejects.write(Reject("r", HERE))
    rejects.close()


LIMITED = """
import resource, sys
from pathlib import Path
from ingest import IngestError
from ingest.records import Origin, Reject
from ingest.read.rejects import RejectsFile
from ingest.read.rows import Rows
from ingest.read.sources.files import find_sources
from ingest.run.deduplicate import Seen

resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
rejects, seen = RejectsFile(Path(sys.argv[2])), Seen()
try:
    if sys.argv[3] == "rejects":
        for n in range(100):
            rejects.write(Reject("r" * 300, Origin("f", n)))
    for n in range(500_000):
        seen.add(str(n), Origin("f", n))
except IngestError as error:
    print(error)
print(rejects.written)
"""


def limited(path, what):
    """What a process says whose files may have 1,000 bytes, and how many rejects it counted."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, "1000", str(path), what],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    said, written = done.stdout.splitlines()
    return said, int(written)


def test_a_disk_that_takes_a_part_of_a_line_is_told_not_passed_over(tmp_path):
    said, written = limited(tmp_path / "r", "rejects")
    assert said.endswith("cannot be written (file too large): name another with `rejects`.")
    whole, part = (tmp_path / "r").read_bytes().rsplit(b"\n", 1)
    assert part
    assert written == len(whole.splitlines()) == 2


def test_a_temporary_folder_that_is_full_is_one_sentence(tmp_path):
    said, _ = limited(tmp_path / "r", "ids")
    assert "SQLITE_TMPDIR" in said


def test_requests_are_bounded_in_bytes_and_in_count():
    items = [
        Action(passages(n, 1)[0], b"x" * size) for n, size in enumerate([4, 4, 4, 20, 1, 1, 1])
    ]
    sizes = [
        [len(a.data) for a in group]
        for group in requests(iter(items), Writing(max_bytes=10, max_count=3))
    ]
    assert sizes == [[4, 4], [4], [20], [1, 1, 1]]


def test_what_a_slow_encoder_made_does_not_wait_for_a_full_request():
    def slow():
        for n in range(6):
            time.sleep(0.3 * LONGEST_WAIT)
            yield Action(passages(n, 1)[0], b"x")

    groups = [len(group) for group in requests(slow(), Writing())]
    assert sum(groups) == 6
    assert max(groups) < 6


def test_a_passage_with_a_vector_passes_the_encoder_by(tally):
    """A change of metadata alone may be in every document of the source: none may pile up."""
    encoder = StubEncoder()
    source = [replace(passages(n, 1)[0], encoded=f"text {n}") for n in range(1000)]
    ready = encoder.vector("ready")
    source = [p if n % 100 == 0 else replace(p, vector=ready) for n, p in enumerate(source)]
    passed = []
    encoded = list(encode(iter(source), encoder, tally, threading.Event(), passed.append))
    assert len(passed) == 990
    assert all(p.vector is ready for p in passed)
    assert (
        [p.encoded for p in encoded]
        == encoder.encoded
        == [f"text {n}" for n in range(0, 1000, 100)]
    )


def test_items_by_a_short_cut_are_bounded_too():
    made = []

    def make(put):
        for n in range(100):
            made.append(n)
            put(n) if n % 2 else None
            if n % 2 == 0:
                yield n

    flow = Flow()
    items = flow.joined(make, 3, drains=True)
    time.sleep(0.2)
    assert len(made) <= 6
    assert sorted(items) == list(range(100))
    flow.end()


def test_the_budget_shrinks_and_grows_back_but_not_over_what_is_too_large():
    budget = Budget(1_000_000)
    budget.shrink()
    assert budget.bytes == 500_000
    for _ in range(20):
        budget.shrink()
    assert budget.bytes == SMALLEST_REQUEST
    for _ in range(100):
        budget.grow()
    assert budget.bytes == 1_000_000
    budget.too_large(800_000)
    assert budget.bytes == 400_000
    for _ in range(100):
        budget.grow()
    assert budget.bytes == 799_999


def test_a_slow_consumer_slows_the_producer():
    made = []

    def produce():
        for n in range(100):
            made.append(n)
            yield n

    flow = Flow()
    items = flow.buffered(produce(), 3, drains=True)
    assert next(items) == 0
    time.sleep(0.2)
    assert len(made) <= 6
    assert list(items) == list(range(1, 100))
    flow.end()


def test_heavy_items_wait_singly():
    made = []

    def produce():
        for n in range(10):
            made.append(n)
            yield n

    flow = Flow()
    items = flow.buffered(produce(), 100, drains=True, weigh=lambda item: HEAVIEST)
    time.sleep(0.2)
    assert len(made) <= 3
    assert list(items) == list(range(10))
    flow.end()


def test_a_failure_ends_every_stage_promptly_with_its_own_error():
    flow = Flow()

    def endless():
        while True:
            yield 1

    def fail(item):
        raise ValueError("mine")

    with pytest.raises(CancelledError):
        flow.workers(2, flow.buffered(endless(), 3, drains=True), fail)
    began = time.monotonic()
    flow.end()
    assert time.monotonic() - began < 1
    assert str(flow.error) == "mine"
    assert not [t for t in flow._threads if t.is_alive()]


def test_stopping_drains_only_where_it_must():
    flow = Flow()
    kept = flow.buffered(iter(range(5)), 10, drains=True)
    dropped = flow.buffered(iter(range(5)), 10, drains=False)
    time.sleep(0.05)
    flow.stopping.set()
    assert list(kept) == list(range(5))
    assert list(dropped) == []


def test_a_pause_ends_when_the_run_does():
    flow = Flow()
    threading.Timer(0.1, flow.cancelled.set).start()
    began = time.monotonic()
    with pytest.raises(CancelledError):
        flow.pause(10)
    assert time.monotonic() - began < 2


def test_shares_of_the_time():
    clock = Clock()

    def slow():
        for n in range(4):
            time.sleep(0.05)
            yield n

    def doubled(items):
        for item in items:
            yield item * 2

    found = clock.timed("split", doubled(clock.waited(clock.timed("read", slow()), "split")))
    assert list(found) == [0, 2, 4, 6]
    shares = clock.shares()
    assert shares["read"] > 0.8
    assert shares["split"] < 0.2


def test_the_report_keeps_the_promised_names():
    report = Report("i", read=3, written=1, skipped=1, rejected=1, seconds=2.0)
    found = report.to_json()
    promised = ("read", "written", "skipped", "rejected", "seconds", "docs_per_second", "index")
    assert [found[name] for name in promised] == [3, 1, 1, 1, 2.0, 1.5, "i"]
    assert Report("i").docs_per_second == 0
    assert Report("i", stages={"read": 0.1, "encode": 0.9}).slowest == "encode"
