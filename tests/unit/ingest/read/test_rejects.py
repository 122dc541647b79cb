"""The file of what was refused: where it may be, what it keeps, and a disk that is full."""

import json
import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from ingest.errors import IngestError
from ingest.read.rejects import RejectsFile, mode_for
from ingest.read.rows import Rows
from ingest.read.sources.files import find_sources
from ingest.records import Reject
from ingest.settings import Reading
from tests.support.commands import python
from tests.unit.ingest.documents import HERE


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


@pytest.fixture
def open_folder():
    """One that all may enter, and every folder above it."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_rejects_file_is_no_more_readable_than_its_sources(open_folder):
    tmp_path = open_folder
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


def test_a_rejects_file_elsewhere_opens_no_closed_folder_and_no_other_group(open_folder):
    umask = os.umask(0)
    source = open_folder / "closed" / "a.jsonl"
    source.parent.mkdir()
    source.write_text('{"id": "a"}\n')
    source.chmod(0o664)
    rows = Rows(source, Reading())
    try:
        for number, (folder, mode) in enumerate({0o700: 0o600, 0o710: 0o660, 0o755: 0o664}.items()):
            source.parent.chmod(folder)
            assert mode_of(open_folder / f"r{number}", rows) == mode
        if os.geteuid() == 0:  # who alone may give a file to a group that is not theirs
            os.chown(source, -1, 54321)
            assert mode_of(open_folder / "r3", rows) == 0o644
            shared = open_folder / "shared"
            shared.mkdir()
            os.chown(shared, -1, 54321)
            shared.chmod(0o2775)
            assert mode_of(shared / "r", rows) == 0o664
    finally:
        os.umask(umask)


def mode_of(path, rows):
    rejects = RejectsFile(path, mode_for(rows.paths, path))
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

resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
rejects = RejectsFile(Path(sys.argv[1]))
try:
    for n in range(100):
        rejects.write(Reject("r" * 300, Origin("f", n)))
except IngestError as error:
    print(error)
print(rejects.written)
"""


def test_a_disk_that_takes_a_part_of_a_line_is_told_not_passed_over(tmp_path):
    done = python(LIMITED, str(tmp_path / "r"))
    said, written = done.splitlines()
    assert said.endswith("cannot be written (file too large): name another with `rejects`.")
    whole, part = (tmp_path / "r").read_bytes().rsplit(b"\n", 1)
    assert part
    assert int(written) == len(whole.splitlines()) == 2


def test_a_named_pipe_that_nobody_reads_is_told_before_anything_is_read(tmp_path):
    pipe = RejectsFile(tmp_path / "pipe")
    os.mkfifo(pipe.path)
    for act in (pipe.reach, lambda: pipe.write(Reject("r", HERE))):
        with pytest.raises(IngestError, match=r"\(nobody reads it, so start its reader first\)"):
            act()


def test_a_named_pipe_is_written_into_and_stays_open_until_the_end(tmp_path):
    pipe = RejectsFile(tmp_path / "pipe")
    os.mkfifo(pipe.path)
    with subprocess.Popen(["cat", pipe.path], stdout=subprocess.PIPE, text=True) as reader:
        pipe.check()
        pipe.reach()
        pipe.write(Reject("r", HERE))
        assert not pipe.retire()
        pipe.close()
        assert json.loads(reader.stdout.read())["reason"] == "r"
