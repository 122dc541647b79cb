""""""

import signal
import subprocess
import sys
import time

import pytest

from cluster import NodeError
from cluster.node import process

HOLD = """
import sys, time
from pathlib import Path
from cluster.node import process
with process.hold(Path(sys.argv[1]), 5):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds tmp_path/lock."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_second_waits_only_so_long(tmp_path, holder):
    waited = []
    held = process.hold(tmp_path / "lock", 0.3, lambda: waited.append(1))
    with pytest.raises(NodeError, match="another tandem has held"), held:
        pytest.fail("two processes hold one lock")
    assert waited == [1]


def test_a_killed_holder_holds_nothing(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    started = time.monotonic()
    with process.hold(tmp_path / "lock", 10):
        assert time.monotonic() - started < 5


def test_the_lock_is_free_again_after_use(tmp_path):
    for _ in range(2):
        with process.hold(tmp_path / "deep" / "lock", 0):
            pass
