"""Ctrl-C ends these tests within seconds, and the servers that they started."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from tests.support.commands import ROOT

pytestmark = pytest.mark.long

SLEEPER = """
import os, time

def test_sleeps(opensearch_server):
    with open("pid.new", "w") as file:
        file.write(str(opensearch_server.node.status().pid))
    os.rename("pid.new", "pid")
    time.sleep(600)
"""
# Whoever has no more to do lives on until all have ended.
QUICK = """
def test_quick():
    pass
"""


@pytest.mark.parametrize(
    ("sign", "workers"),
    [(signal.SIGINT, "0"), (signal.SIGINT, "1"), (signal.SIGTERM, "1"), (signal.SIGTERM, "2")],
    ids=["alone", "worker", "worker-term", "one of two"],
)
def test_the_servers_end_with_the_tests(tmp_path, sign, workers):
    (tmp_path / "test_sleeper.py").write_text(SLEEPER)
    (tmp_path / "test_quick.py").write_text(QUICK)
    words = ["-m", "pytest", "-p", "tests.conftest", "--rootdir", tmp_path, "-n", workers, tmp_path]
    # It is nobody's worker, though this process may be one.
    environ = {name: value for name, value in os.environ.items() if "XDIST" not in name}
    tests = subprocess.Popen(
        [sys.executable, *map(str, words)],
        cwd=tmp_path,
        env={**environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        # As under nohup or in the background of a script.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    with tests:
        while not (tmp_path / "pid").exists():
            assert tests.poll() is None, tests.stdout.read()
            time.sleep(0.1)
        node = psutil.Process(int((tmp_path / "pid").read_text()))
        tests.send_signal(sign)
        out, _ = tests.communicate(timeout=120)
    assert "KeyboardInterrupt" in out
    assert tests.returncode == 2
    # A container's first process may leave it a zombie.
    assert not node.is_running() or node.status() == psutil.STATUS_ZOMBIE
