"""Where a run goes: whole files, links that stay, pipes and devices that are never replaced."""

import os
import stat
import threading
from pathlib import Path

import pytest

from query.errors import QueryError
from tandem.commands.searches.search_many import is_same, opened


def write(path, text="a run\n"):
    with opened(path) as file:
        file.write(text)


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    run = tmp_path / "out.run"
    run.write_text("before")

    def fail():
        with opened(run) as file:
            print("half", file=file, flush=True)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert run.read_text() == "before"
    write(run)
    assert run.read_text() == "a run\n"
    assert os.listdir(tmp_path) == ["out.run"]


def test_another_file_is_not_taken_for_the_unfinished_one(tmp_path):
    mine = tmp_path / "out.run.tmp"
    mine.write_text("mine")
    write(tmp_path / "out.run")
    assert mine.read_text() == "mine"


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path):
    (tmp_path / "there").mkdir()
    run, link = tmp_path / "there" / "out.run", tmp_path / "link"
    link.symlink_to(run)
    for _ in range(2):  # first it leads to nothing
        write(link)
        assert link.is_symlink()
        assert not run.is_symlink()
        assert run.read_text() == "a run\n"


def test_a_named_pipe_is_written_into(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
    reader.start()
    try:
        write(pipe)
    finally:
        if stat.S_ISFIFO(pipe.stat().st_mode):
            reader.join(10)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert read == ["a run\n"]


def test_a_named_pipe_that_nobody_reads_is_not_waited_for_without_end(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(QueryError, match=r"pipe cannot be written: nobody reads it, so start its"):
        write(tmp_path / "pipe")


def test_a_device_is_written_into_and_stays(tmp_path):
    master, slave = os.openpty()  # a character device that nobody else uses
    link = tmp_path / "link"
    link.symlink_to(os.ttyname(slave))
    for path in (Path(os.ttyname(slave)), link):
        write(path)
        assert os.read(master, 100) == b"a run\r\n"
        assert stat.S_ISCHR(path.stat().st_mode)
    assert os.listdir(tmp_path) == ["link"]
    os.close(master)
    os.close(slave)


def test_standard_output(capsys):
    write(None)
    write(Path("-"))
    assert capsys.readouterr().out == "a run\n" * 2


def test_what_cannot_be_written_is_one_sentence(tmp_path):
    with pytest.raises(QueryError, match=r"none/out\.run cannot be written: no such file"):
        write(tmp_path / "none" / "out.run")


def test_the_queries_are_seen_whatever_their_name(tmp_path):
    queries, link = tmp_path / "q.txt", tmp_path / "link"
    queries.write_text("a\n")
    link.symlink_to(queries)
    assert is_same(queries, str(queries))
    assert is_same(link, str(queries))
    assert not is_same(tmp_path / "out.run", str(queries))
    assert not is_same(None, str(queries))
