"""Which process is our node, what its files say, and what is written for it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from cluster import EmbeddedNode, Home, NodeError
from cluster.node import process, ready, state
from cluster.node.files import Layout, jvm_options
from cluster.node.home import NodeUser, check_enterable, claim, default_home
from cluster.node.java import Java
from cluster.node.process import Identity
from cluster.node.ready import last_relevant, tail
from cluster.node.state import NodeState, Record
from tandem.base.folders import make_enterable
from tests.servers.servers import private_home

ME = NodeUser("me", os.geteuid(), os.getegid())


@pytest.fixture
def node(tmp_path):
    claim(tmp_path / "node")
    (tmp_path / "node" / "logs").mkdir()
    return EmbeddedNode(Home(tmp_path))


def remember(node, pid, url="http://127.0.0.1:1", **changes):
    identity = replace(identity_of(node), **changes)
    state.remember(node.layout.state, Record(identity, NodeState(pid, url, "3.6.0")))


def identity_of(node):
    """As of a start of which `program` is the script."""
    return Identity(os.geteuid(), "7e57", str(node.home.path / "bin" / "opensearch"))


@contextmanager
def running(identity, text="import time; time.sleep(60)", **options):
    """A process with the words of a start script: its program as the shell's first."""
    Path(identity.program).parent.mkdir(exist_ok=True)
    Path(identity.program).write_text(text)
    command = [sys.executable, identity.program, identity.word]
    with subprocess.Popen(command, **options) as started:
        yield started
        started.kill()


@pytest.fixture
def other():
    """A process that is not our node."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as running:
        yield running.pid
        running.kill()


@pytest.fixture
def ours(node):
    """A process that is our node."""
    with running(identity_of(node)) as started:
        yield started.pid


def test_no_state_is_no_node(node):
    assert node.status() is None
    assert node.absence().startswith("the embedded node does not run")
    assert node.stop() is None


def test_a_pid_that_now_belongs_to_another_process_is_no_node(node, other):
    remember(node, other)
    assert node.status() is None
    node.stop()
    assert process.arguments(other)
    assert not node.layout.state.exists()


def test_our_process_is_found_with_and_without_a_state_file(node, ours):
    assert process.find(identity_of(node)) == ours
    remember(node, ours)
    assert node.status().pid == ours
    assert node.absence() is None


def test_words_alone_make_no_node(node, ours):
    remember(node, ours, uid=os.geteuid() + 1)
    assert node.status() is None
    remember(node, ours, token="another start's")
    assert node.status() is None
    # An editor, a pager, a grep: the same words in a program that is neither Java nor the script.
    remember(node, ours, program="/another/bin/opensearch")
    assert node.status() is None
    assert node.stop() is None
    assert process.arguments(ours)


class _Answering(BaseHTTPRequestHandler):
    """Answers all with one object."""

    def do_GET(self):
        self.server.asked(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(self.server.answer).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def answering():
    """A server whose `answer` is given to whatever is asked."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answering) as server:
        server.url = f"http://127.0.0.1:{server.server_port}"
        server.asked = lambda path: None
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_stranger_at_the_port_is_not_the_node(node, ours, answering):
    attributes = {"attributes": {"tandem_start": "another start's"}}
    answering.answer = {"status": "green", "nodes": {"x": attributes}}
    assert not ready.is_node(answering.url, identity_of(node))
    node.layout.ports.write_text(answering.url.removeprefix("http://"))
    with pytest.raises(NodeError, match="did not answer within"):
        ready.wait_until_ready(node.layout, ours, identity_of(node), 0.5)
    attributes["attributes"]["tandem_start"] = identity_of(node).token
    assert ready.wait_until_ready(node.layout, ours, identity_of(node), 60) == answering.url
    assert not ready.is_node("http://[", identity_of(node))


SETTLED = {
    "status": "red",
    "unassigned_shards": 1,
    "initializing_shards": 0,
    "number_of_in_flight_fetch": 0,
    "number_of_pending_tasks": 0,
}


@pytest.mark.parametrize(
    ("change", "recovered"),
    [
        ({}, True),
        ({"unassigned_shards": 0}, False),  # before the node knows its indexes
        ({"initializing_shards": 1}, False),
        ({"number_of_in_flight_fetch": 1}, False),
        ({"number_of_pending_tasks": None}, True),
        ({"status": "yellow", "initializing_shards": 1}, True),
    ],
)
def test_a_broken_index_does_not_keep_the_others(answering, change, recovered):
    answering.answer = SETTLED | change
    assert ready._is_recovered(answering.url) is recovered
    answering.answer = ["no health"]
    assert not ready._is_recovered(answering.url)


def test_a_node_is_waited_for_as_long_as_it_goes_on_with_its_recovery(node, ours, answering):
    """After a crash it writes again what was not flushed, which may take longer than a start."""
    here = {"nodes": {"x": {"attributes": {"tandem_start": identity_of(node).token}}}}
    answering.answer = here | SETTLED | {"initializing_shards": 1}
    node.layout.ports.write_text(answering.url.removeprefix("http://"))

    def wait():
        return ready.wait_until_ready(node.layout, ours, identity_of(node), 0.0)

    def asked(path):
        if not path.startswith("/_recovery"):
            return
        writes.append({"translog": {"recovered": 1000}})
        answering.answer["books"] = {"shards": writes}
        answering.answer["initializing_shards"] = int(len(writes) < 5)

    with pytest.raises(NodeError, match="recovered no more of its indexes within 0 seconds"):
        wait()
    writes, answering.asked = [], asked
    assert wait() == answering.url
    assert len(writes) == 5


def test_of_a_process_and_its_copies_the_first_is_meant(node):
    # As a shell forks for $(...): the same words, a child.
    fork = "import os, time; os.fork() or os.fork(); time.sleep(60)"
    identity = identity_of(node)
    with running(identity, fork, start_new_session=True) as first:
        while len([p for p in psutil.pids() if process.is_ours(p, identity)]) < 3:
            assert first.poll() is None
        assert process.find(identity) == first.pid
        os.killpg(first.pid, signal.SIGKILL)


IDENTITY = '"uid": 0, "token": "t", "program": "p"'
BROKEN = ["", "{", "[]", "[" * 10**5, '{"pid": 1}', '{"uid": "0", "token": "t", "program": "p"}']
BROKEN += [
    f'{{{IDENTITY}, "pid": {pid}, "url": "u", "version": "v"}}' for pid in ('"1"', "1.5", "{}")
]


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_state_file_is_no_node(node, text):
    node.layout.state.write_text(text)
    assert node.status() is None
    assert node.record() is None


def test_what_is_said_of_a_death_is_one_sentence_with_log_line_and_cure(node):
    remember(node, 2**22 + 1)
    node.log.write_text(
        "[2026-11-24T10:55:20,978][INFO ][o.o.n.Node] [tandem] started\n"
        "java.lang.OutOfMemoryError: Java heap space\n"
        "\tat org.example.Frame(Frame.java:1)\n"
        "[2026-11-24T10:55:21,000][INFO ][o.o.n.Node] [tandem] something later\n"
    )
    said = node.absence()
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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_s_node_cannot_be_ended(node, ours):
    # Not by a new interpreter, which may lie where only root can go.
    identity = identity_of(node)
    child = os.fork()
    if child == 0:
        os.setuid(65_534)
        try:
            process.end(ours, identity, 0.1)
        except NodeError as error:
            os._exit("another user" in str(error))
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    assert process.arguments(ours)
