"""Which process is our node, what its files say, and what is written for it."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from cluster import EmbeddedNode, Home, NodeError
from cluster.node import process
from cluster.node.files import Layout, jvm_options
from cluster.node.home import NodeUser, check_enterable, claim, default_home, make_enterable
from cluster.node.java import Java
from cluster.node.ready import last_relevant, tail
from tests.servers.servers import private_home

ME = NodeUser("me", os.geteuid(), os.getegid())


@pytest.fixture
def node(tmp_path):
    claim(tmp_path / "node")
    (tmp_path / "node" / "logs").mkdir()
    return EmbeddedNode(Home(tmp_path))


def remember(node, pid):
    state = {"pid": pid, "url": "http://127.0.0.1:1", "version": "3.6.0"}
    node.layout.state.write_text(json.dumps(state))


@pytest.fixture
def other():
    """A process that is not our node."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as running:
        yield running.pid
        running.kill()


@pytest.fixture
def ours(node):
    """A process with our node's word in its command line."""
    command = [sys.executable, "-c", "import time; time.sleep(60)", node.layout.marker]
    with subprocess.Popen(command) as running:
        yield running.pid
        running.kill()


def test_no_state_is_no_node(node):
    assert node.status() is None
    assert node.epitaph() is None
    assert node.stop() is None


def test_a_pid_that_now_belongs_to_another_process_is_no_node(node, other):
    remember(node, other)
    assert node.status() is None
    node.stop()
    assert process.arguments(other)
    assert not node.layout.state.exists()


def test_our_process_is_found_with_and_without_a_state_file(node, ours):
    assert process.find(node.layout.marker) == ours
    remember(node, ours)
    assert node.status().pid == ours
    assert node.epitaph() is None


def test_of_a_process_and_its_copies_the_first_is_meant(node):
    # As a shell forks for $(...): the same words, a child.
    fork = "import os, time; os.fork() or os.fork(); time.sleep(60)"
    command = [sys.executable, "-c", fork, node.layout.marker]
    with subprocess.Popen(command, start_new_session=True) as running:
        while len([p for p in psutil.pids() if process.is_ours(p, node.layout.marker)]) < 3:
            pass
        assert process.find(node.layout.marker) == running.pid
        os.killpg(running.pid, signal.SIGKILL)


def test_a_longer_path_is_another_node(node, ours, tmp_path):
    assert process.is_ours(ours, Layout(tmp_path / "node").marker)
    assert not process.is_ours(ours, Layout(tmp_path / "nod").marker)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"pid": 1, "x": 2}'])
def test_a_broken_state_file_is_no_node(node, text):
    node.layout.state.write_text(text)
    assert node.status() is None


def test_the_epitaph_is_one_sentence_with_log_line_and_cure(node):
    remember(node, 2**22 + 1)
    node.log.write_text(
        "[2026-11-24T10:55:20,978][INFO ][o.o.n.Node] [tandem] started\n"
        "java.lang.OutOfMemoryError: Java heap space\n"
        "\tat org.example.Frame(Frame.java:1)\n"
        "[2026-11-24T10:55:21,000][INFO ][o.o.n.Node] [tandem] something later\n"
    )
    said = node.epitaph()
    assert "java.lang.OutOfMemoryError: Java heap space" in said
    assert str(node.log) in said
    assert "`EmbeddedNode.start()`" in said
    assert "\n" not in said


def test_logs_are_read_from_their_end(tmp_path):
    log = tmp_path / "log"
    assert (tail(log, 3), last_relevant(log)) == ([], "nothing")
    log.write_text("".join(f"line {n}\n\n" for n in range(100_000)))
    assert tail(log, 2) == ["line 99998", "line 99999"]
    assert last_relevant(log) == "line 99999"


OPTIONS = """\
# a comment
-Xms1g
20-:--add-modules=jdk.incubator.vector
9-:-Xlog:gc*:file=logs/gc.log
-XX:HeapDumpPath=data
-XX:ErrorFile=logs/hs_err_pid%p.log
21-:-javaagent:agent/opensearch-agent.jar
"""


@pytest.mark.parametrize(("problem", "kept"), [("", True), ("lacks the module x", False)])
def test_java_options_fit_the_java(tmp_path, problem, kept):
    java = Java(tmp_path, "here", 25, problem)
    text = jvm_options(OPTIONS, java, Layout(tmp_path))
    assert ("jdk.incubator.vector" in text) == kept
    assert "-javaagent:agent/opensearch-agent.jar" in text
    assert "gc.log" not in text
    assert "HeapDumpPath" not in text
    assert f"-XX:ErrorFile={tmp_path}/logs/hs_err_pid%p.log" in text


def test_tandem_home_names_the_home(tmp_path):
    command = "from cluster.node.home import default_home; print(default_home().path)"
    environ = {**os.environ, "TANDEM_HOME": "~/x", "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", command], env=environ, capture_output=True, text=True
    )
    assert done.stdout.strip() == str(tmp_path / "x")
    assert default_home().path.is_absolute()


def test_a_folder_the_node_s_user_cannot_enter_is_named():
    home = private_home()
    try:
        closed = home.path / "closed"
        inner = closed / "inner"
        inner.mkdir(parents=True)
        closed.chmod(0o700)
        stranger = NodeUser("stranger", os.geteuid() + 1, os.getegid() + 1)
        check_enterable(inner, ME)
        with pytest.raises(NodeError, match=f"cannot enter {closed} on the way to {inner}"):
            check_enterable(inner, stranger)
        closed.chmod(0o711)
        check_enterable(inner, stranger)
        check_enterable(inner / "not" / "yet", stranger)
    finally:
        shutil.rmtree(home.path)


@pytest.mark.parametrize("inside", ["", "node"])
def test_a_home_that_cannot_be_used_is_one_sentence(tmp_path, inside):
    (tmp_path / "file").touch()
    with pytest.raises(NodeError, match="set TANDEM_HOME") as caught:
        EmbeddedNode(Home(tmp_path / "file" / inside)).start()
    assert "\n" not in str(caught.value)


def test_a_strict_umask_does_not_lock_the_node_out(tmp_path):
    before = os.umask(0o077)
    try:
        make_enterable(tmp_path / "a")
    finally:
        os.umask(before)
    mode = (tmp_path / "a").stat().st_mode & 0o777
    assert mode == (0o755 if os.geteuid() == 0 else 0o700)


def test_another_user_s_node_cannot_be_ended(node):
    if os.geteuid() == 0:
        pytest.skip("root may end everything")
    init = Path("/proc/1")
    assert init.exists()
    with pytest.raises(NodeError, match="another user"):
        process.end(1, process.arguments(1)[0], 0.1)
