"""Ctrl-C ends these tests within seconds, and the servers that they started."""

import os
import signal
import subprocess
import sys

import psutil
import pytest

from tests.support.commands import ROOT

pytestmark = pytest.mark.long

SLEEPER = """
import time

def test_sleeps(opensearch_server):
    print("", opensearch_server.node.status().pid, sep=chr(10), flush=True)
    time.sleep(600)
"""


def until(lines, is_it):
    """The first such line; what came instead where the lines end without one."""
    seen = []
    for line in lines:
        seen.append(line.strip())
        if is_it(seen[-1]):
            return seen[-1]
    raise AssertionError("\n".join(seen))


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_the_servers_end_with_the_tests(tmp_path, sign):
    (tmp_path / "test_sleeper.py").write_text(SLEEPER)
    words = ["-m", "pytest", "-s", "-p", "tests.conftest", "--rootdir", tmp_path, tmp_path]
    tests = subprocess.Popen(
        [sys.executable, *map(str, words)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        # As under nohup or in the background of a script.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    with tests:
        node = psutil.Process(int(until(tests.stdout, str.isdigit)))
        tests.send_signal(sign)
        out, _ = tests.communicate(timeout=120)
    assert "KeyboardInterrupt" in out
    assert tests.returncode == 2
    # A container's first process may leave it a zombie.
    assert not node.is_running() or node.status() == psutil.STATUS_ZOMBIE
