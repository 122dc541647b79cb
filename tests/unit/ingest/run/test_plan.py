"""What is wrong with a run is told before it begins."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from ingest import IngestError, Plan, Reading, RejectLimit, Splitting, Writing, checked
from tests.support.loads import documents, write_jsonl

NOBODY = 65534


@pytest.fixture
def closed(monkeypatch):
    """A source in a folder that may be read and not written, which is the working folder too."""
    open_folder = Path(tempfile.mkdtemp())  # pytest's are the owner's alone
    open_folder.chmod(0o755)
    folder = open_folder / "closed"
    folder.mkdir()
    source = write_jsonl(folder / "a.jsonl", documents(2))
    monkeypatch.chdir(folder)
    folder.chmod(0o555)
    root = os.geteuid() == 0
    if root:  # whom nothing is forbidden
        os.seteuid(NOBODY)
    yield source
    if root:
        os.seteuid(0)
    folder.chmod(0o755)
    shutil.rmtree(open_folder)


def test_a_place_for_rejects_that_cannot_be_written_is_told_before_the_first_one(closed):
    for source, name in ((closed, "a.jsonl.rejects"), ("-", "stdin.rejects")):
        with pytest.raises(IngestError, match=rf"{name} cannot be written .*denied.*`rejects`"):
            checked(source, Plan())
    with pytest.raises(IngestError, match=r"documents\.rejects cannot be written"):
        checked(documents(2), Plan())
    assert [path.name for path in closed.parent.iterdir()] == ["a.jsonl"]


def test_a_named_place_that_may_be_written_is_enough(closed):
    checked(closed, Plan(rejects=Path(os.devnull)))


def test_looking_at_the_place_of_rejects_makes_no_file(tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", documents(2))
    checked(source, Plan())
    assert os.listdir(tmp_path) == ["a.jsonl"]


def test_a_folder_where_the_rejects_would_go_is_told(tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", documents(2))
    (tmp_path / "a.jsonl.rejects").mkdir()
    with pytest.raises(IngestError, match=r"a\.jsonl\.rejects cannot be written \(it is a folder"):
        checked(source, Plan())


def test_a_name_that_is_too_long_for_its_rejects_is_told(tmp_path):
    source = write_jsonl(tmp_path / ("a" * 245 + ".jsonl"), documents(2))
    with pytest.raises(IngestError, match=r"cannot be written \(file name too long\).*`rejects`"):
        checked(source, Plan())


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Reading(max_bytes=NAN),
        lambda: Reading(max_bytes=0),
        lambda: Reading(max_bytes=10**19),
        lambda: Splitting(overlap=-1),
        lambda: Splitting(overlap=INF),
        lambda: Writing(max_bytes=INF),
        lambda: Writing(max_count=0),
        lambda: Writing(in_flight=NAN),
        lambda: Writing(max_outage=NAN),
        lambda: Writing(max_outage=INF),
        lambda: Writing(max_outage=-1.0),
        lambda: RejectLimit(share=NAN),
        lambda: RejectLimit(share=2.0),
        lambda: RejectLimit(share=None, number=-5),
        lambda: RejectLimit(share=None, number=INF),
    ],
)
def test_numbers_that_are_none_are_one_sentence(make):
    with pytest.raises(
        IngestError, match=r"is .*(give a whole number|must be a number (at least|from) )"
    ):
        make()
