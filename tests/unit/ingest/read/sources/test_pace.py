"""Sources that live and bring next to nothing: given up in one sentence, by whatever library."""

import os
import subprocess
import sys

import pytest

from cluster.access import bounded
from ingest import Reading, SourceError
from ingest.read.rows import Rows
from ingest.read.sources import remote, resumed
from tandem.base.process import pace
from tests.servers.stores.web import WebServer
from tests.servers.wrong import Reply, answering, drops
from tests.support.commands import ROOT, python

HEAD = (
    b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 60000\r\n"
    b"last-modified: Wed, 21 Oct 2015 07:28:00 GMT\r\n"
)


def dripping(asked):
    """Says at once how long a file is, and gives it a byte at a time."""
    if asked.method == "HEAD":
        return Reply(iter([HEAD + b"\r\n"]), raw=True)
    return Reply(drops(HEAD + b"\r\n"), raw=True)


@pytest.fixture
def hurried(monkeypatch):
    monkeypatch.setattr(pace, "PACE_SECONDS", 0.5)
    monkeypatch.setattr(pace, "LEAST_RATE", 1_000_000)
    monkeypatch.setattr(resumed, "MAX_OUTAGE", 0.8)


def test_a_byte_at_a_time_is_asked_for_again_and_given_up(hurried):
    with (
        answering(dripping) as (url, seen),
        pytest.raises(SourceError, match=r"cannot be read on after byte \d.* are no download; ask"),
    ):
        list(Rows(f"{url}/a.jsonl", Reading()))
    assert [each.method for each in seen].count("GET") > 1


@pytest.mark.parametrize("address", ["a.jsonl", "*.jsonl"])
def test_a_head_that_drips_is_waited_for_no_longer(hurried, monkeypatch, address):
    monkeypatch.setattr(remote, "_LIST_SECONDS", 0.5)
    with (
        answering(lambda asked: Reply(drops(b"HTTP/1.1 200 OK\r\nx: "), raw=True)) as (url, _),
        pytest.raises(SourceError, match=r"cannot be read .there was no answer within"),
    ):
        list(Rows(f"{url}/{address}", Reading()))


def test_a_page_of_a_folder_that_never_ends_is_refused(monkeypatch):
    monkeypatch.setattr(bounded, "LARGEST_ANSWER", 3_000_000)
    link = b"<a href='a.jsonl'>a</a>" * 10_000

    def endless():
        for _ in range(1000):
            yield link

    with (
        answering(lambda asked: Reply(endless(), kind="text/html")) as (url, _),
        pytest.raises(SourceError, match=r"more than 3 MB for one request"),
    ):
        list(Rows(f"{url}/*.jsonl", Reading()))


def test_what_is_slow_for_a_while_is_read_to_its_end(monkeypatch):
    monkeypatch.setattr(pace, "PACE_SECONDS", 0.2)
    lines = b"".join(b'{"id": "%d", "text": "The cat sleeps."}\n' % n for n in range(3000))
    with WebServer({"/a.jsonl": lines}, drops=3, broken_off=20_000) as web:
        assert len(list(Rows(f"{web.url}/a.jsonl", Reading()))) == 3000


LOAD = """
import sys
from tandem.base.process import pace
from ingest.read.sources import resumed
pace.PACE_SECONDS, pace.LEAST_RATE, resumed.MAX_OUTAGE = 0.5, 1_000_000, 0.5
from tandem.cli import main
sys.argv[1:] = ["ingest", sys.argv[1], "--dry-run", "--index", "books"]
main()
"""


@pytest.mark.long
def test_a_store_of_s3_that_drips_keeps_no_process_from_ending(tmp_path):
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "TANDEM_HOME": str(tmp_path)}
    with answering(dripping) as (url, _):
        place = url.partition("//")[2]
        options = f"endpoint_override={place}&scheme=http&region=us-east-1"
        done = subprocess.run(
            [sys.executable, "-c", LOAD, f"s3://shelf/a.jsonl?{options}"],
            env={**os.environ, **keys},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=50,  # of the sixty seconds that the store goes on
        )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: s3://shelf/a.jsonl cannot be read on after byte 0 (there")
    assert done.stderr.count("\n") == 1


CALLED = """
import time
from contextlib import suppress
from tandem.base.process.pace import within
from tandem.cli import main
with suppress(TimeoutError):
    within(lambda: time.sleep(60), seconds=0.01)
with suppress(SystemExit):
    main(["--version"])
print("goes on")
"""


def test_who_calls_the_command_line_goes_on_whatever_is_left_behind():
    assert python(CALLED).splitlines()[-1] == "goes on"
