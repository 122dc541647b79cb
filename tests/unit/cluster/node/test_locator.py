"""Where the embedded node runs, asked before each request: for little, and never of a later one."""

import os
import select
import subprocess
import sys
import time

import psutil
import pytest

from cluster import EmbeddedNode, Home, UnreachableError
from cluster.node import ready, state
from cluster.node.home import claim
from cluster.node.node import Locator
from cluster.node.process import Identity
from cluster.node.state import NodeState, Record
from tests.servers.wrong import Reply, answering


@pytest.fixture
def node(tmp_path):
    claim(tmp_path / "node")
    (tmp_path / "node" / "logs").mkdir()
    (tmp_path / "opensearch").write_text("import time; print(flush=True); time.sleep(60)")
    return EmbeddedNode(Home(tmp_path))


@pytest.fixture
def started(node):
    """Starts a process that is the node, and lets it be found at a port."""
    processes = []

    def start(port, token):
        identity = Identity(os.geteuid(), token, str(node.home.path / "opensearch"))
        command = [sys.executable, identity.program, identity.word]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        processes.append(process)
        assert select.select([process.stdout], [], [], 60)[0]  # it runs
        running = NodeState(process.pid, f"http://127.0.0.1:{port}", "3.6.0")
        state.remember(node.layout.state, Record(identity, running))
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate(timeout=900)


def test_a_node_that_runs_on_is_recognised_once(node, started, monkeypatch):
    started(9201, "a")
    locate = Locator(node)
    assert locate() == 9201
    monkeypatch.setattr(psutil, "Process", None)  # nobody looks at processes again
    assert [locate() for _ in range(3)] == [9201] * 3


def test_a_node_that_has_ended_is_nowhere(node, started):
    process = started(9201, "a")
    locate = Locator(node)
    assert locate() == 9201
    process.kill()
    deadline = time.monotonic() + 900
    while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
    with pytest.raises(UnreachableError, match="has died"):
        locate()
    process.communicate(timeout=900)
    with pytest.raises(UnreachableError, match="has died"):
        locate()


def test_a_node_that_was_started_again_is_found(node, started):
    first = started(9201, "a")
    locate = Locator(node)
    assert locate() == 9201
    first.kill()
    started(9202, "b")
    assert locate() == 9202
    node.layout.state.unlink()  # as after a stop
    with pytest.raises(UnreachableError, match="does not run"):
        locate()


def test_a_system_without_handles_of_processes_looks_each_time(node, started, monkeypatch):
    def refused(pid):
        raise OSError("not here")

    monkeypatch.setattr(os, "pidfd_open", refused)
    process = started(9201, "a")
    locate = Locator(node)
    assert [locate(), locate()] == [9201, 9201]
    process.kill()
    process.communicate(timeout=900)
    with pytest.raises(UnreachableError, match="has died"):
        locate()


def test_handles_are_let_go_of(node, started):
    started(9201, "a")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        assert Locator(node)() == 9201
    assert len(os.listdir("/proc/self/fd")) <= before + 1


def test_a_stranger_that_answers_a_byte_at_a_time_is_not_waited_for():
    def drip():
        for _ in range(100):
            yield b"H"
            time.sleep(0.1)

    with answering(lambda asked: Reply(drip(), raw=True)) as (url, _):
        began = time.monotonic()
        assert ready._ask(url, "/", seconds=0.5) == {}
        assert time.monotonic() - began < 5  # of the ten that it would go on
