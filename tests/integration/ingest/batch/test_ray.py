"""A load on Ray, its parts killed, leaves what a local load of the same files leaves."""

import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from importlib.metadata import version

import psutil
import pytest

from tests.integration.ingest.batch.ray_proof import gone, prove
from tests.servers.servers import OpenSearchServer
from tests.support.commands import ROOT, one_process, python
from tests.support.commands import tandem as in_its_own_process
from tests.support.loads import documents, settings_of, stored, write_jsonl

pytestmark = pytest.mark.long
CPUS = 3
# Of this machine both; Ray would turn 127.0.0.1 into the address that others reach it at.
HEAD, SECOND = "127.0.0.2", "127.0.0.3"
HEADS = ["--head", "--include-dashboard=false", f"--num-cpus={CPUS}"]
# Ray asks for a token wherever a run before left one.
NO_TOKEN = {"RAY_AUTH_MODE": "disabled"}
NAMESPACES = not subprocess.call(["unshare", "-rm", "true"])
# Threads that ask Ray for one thing after the other while it is left.
ASK_AND_LEAVE = """
import sys, threading, time
from ingest.run.batch.stages import CancelledError, Flow
from ingest.run.ray.start import started

def ask():
    try:
        while True:
            with there.explained(flow):
                there.ray.get(there.ray.put(1))
                there.ray.available_resources()
    except CancelledError:
        cancelled.append(1)

flow, cancelled = Flow(), []
with started(sys.argv[1], None) as there:
    threads = [threading.Thread(target=ask, daemon=True) for _ in range(8)]
    for each in threads:
        each.start()
    time.sleep(1)
    there.stop()
for each in threads:
    each.join(60)
print("left", len(cancelled))
"""
# What Python runs first where these packages are not installed.
LACKING = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {0!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
"""


def test_a_load_on_ray_survives_kills_and_equals_a_local_one(tmp_path):
    with closing(OpenSearchServer()) as server:  # its own, for it is killed
        server.start()
        prove(server, tmp_path, count=1200, files=12, seconds=0.008)


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextmanager
def ray_node(folder, host, *words, within=(), **environ):
    """A node as `ray start` makes it, by itself or started by another command."""
    ray = [*within, sys.executable, "-m", "ray.scripts.scripts", "start", "--block", *words]
    ray += [f"--node-ip-address={host}", "--object-store-memory=100000000"]
    node = subprocess.Popen(
        [*ray, "--disable-usage-stats"],
        cwd=folder,
        env={**os.environ, **NO_TOKEN, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    family = []
    try:
        assert any("runtime started" in line for line in node.stdout)
        there = psutil.Process(node.pid)
        yield there
        assert node.poll() is None
        family = there.children(recursive=True)
    finally:
        node.terminate()
        node.wait(60)
        node.stdout.close()
    assert gone(family)


@pytest.fixture(scope="module")
def ray_cluster(tmp_path_factory):
    """The address of a Ray cluster of one machine."""
    port = free_port()
    with ray_node(tmp_path_factory.mktemp("elsewhere"), HEAD, *HEADS, f"--port={port}"):
        yield f"{HEAD}:{port}"


@pytest.fixture(scope="module")
def tandem():
    """In one process for all tests: Ray takes seconds to be imported."""
    with one_process(**NO_TOKEN) as run:
        yield run


def lacking(folder, *packages):
    """What an environment is told that has none of these packages."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(LACKING.format(packages))
    return os.pathsep.join((str(folder), os.environ.get("PYTHONPATH", str(ROOT))))


def words(minilm, cluster, source, *more):
    return ("ingest", source, "--model", minilm, "--url", cluster.url, "--json", *more)


def on_ray(address):
    return ("--runner", "ray", "--address", address)


def test_a_cluster_of_others_is_used_and_left_as_it_was(
    opensearch, index_name, ray_cluster, tandem, minilm, tmp_path
):
    write_jsonl(tmp_path / "a.jsonl", [*documents(40), {"id": "bad", "text": ""}])
    write_jsonl(tmp_path / "b.jsonl", documents(10, 35))

    def load(*more):
        given = words(minilm, opensearch, tmp_path / "?.jsonl", *on_ray(ray_cluster))
        done = tandem(*given, *more)
        return done, json.loads(done.out) if done.code in (0, 3) else {}

    done, report = load("--alias", index_name, "--max-rejects", "20%")
    assert done.code == 3, done.err
    assert (report["read"], report["written"], report["rejected"]) == (51, 45, 6)
    assert report["alias"] == index_name
    assert "Warning" not in done.err
    assert "\x1b" not in done.err  # nothing that moves where there is no terminal
    done, _ = load("--index", index_name, "--max-rejects", "2")
    assert (done.code, "more than --max-rejects allows" in done.err) == (1, True)
    write_jsonl(tmp_path / "a.jsonl", documents(30))
    done, _ = load("--index", index_name, "--prune", "--yes", "--max-prune", "4")
    assert (done.code, "--max-prune" in done.err) == (1, True)
    done, report = load("--index", index_name, "--prune", "--yes", "--max-prune", "5")
    assert (report["written"], report["skipped"], report["passages"]["pruned"]) == (0, 40, 5)
    assert stored(opensearch, index_name).keys() == {f"d{n}" for n in {*range(30), *range(35, 45)}}
    done, _ = load("--index", index_name, "--workers", CPUS)
    assert done.code == 1
    assert f"--workers {CPUS} and a reader need {CPUS + 1} CPUs, and the" in done.err
    assert f" has {CPUS} free" in done.err


def test_a_machine_without_our_packages_is_told_before_the_start(
    opensearch, index_name, ray_cluster, tandem, minilm, tmp_path
):
    source = write_jsonl(tmp_path / "a.jsonl", documents(3))
    path = lacking(tmp_path / "lacking", "cluster", "encoder", "ingest", "tandem")
    another = [f"--address={ray_cluster}", "--num-cpus=1"]
    with ray_node(tmp_path, SECOND, *another, PYTHONPATH=path):
        given = words(minilm, opensearch, source, *on_ray(ray_cluster), "--index", index_name)
        done = tandem(*given)
    assert (done.code, done.out) == (1, "")
    assert "cannot work for this run: ModuleNotFoundError: No module named 'ingest'" in done.err
    assert f"install tandem-search[ray]=={version('tandem-search')} there" in done.err
    assert not opensearch.client.indices.exists(index=index_name)


@pytest.mark.skipif(not NAMESPACES, reason="no mount namespace can be made here")
def test_what_a_machine_does_not_have_or_reach_is_told_before_the_start(
    opensearch, index_name, ray_cluster, tandem, minilm, tmp_path
):
    source = write_jsonl(tmp_path / "a.jsonl", documents(3))
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "model").symlink_to(minilm)
    unseen = write_jsonl(hidden / "a.jsonl", documents(3))
    book = shutil.copy(ROOT / "tests" / "files" / "archives" / "workbook.xlsx", tmp_path)
    # There, as on a machine of its own: another folder, and another host of that name.
    (tmp_path / "hosts").write_text("127.0.0.9 localhost\n")
    other = f"mount -t tmpfs none {hidden} && mount --bind {tmp_path}/hosts /etc/hosts"
    within = ["unshare", "-rm", "sh", "-c", f'{other} && exec "$0" "$@"']
    path = lacking(tmp_path / "lacking", "openpyxl")
    another = [f"--address={ray_cluster}", "--num-cpus=1"]
    elsewhere = opensearch.url.replace("127.0.0.1", "localhost")
    with ray_node(tmp_path, SECOND, *another, within=within, PYTHONPATH=path):
        there = opensearch.url
        for url, model, path, lacks in (
            (there, minilm, unseen, f"it has no {unseen}: put the files where every machine sees"),
            (there, minilm, book, "the package 'openpyxl' that reads it is not installed"),
            (there, hidden / "model", source, f"there is no model folder {hidden / 'model'}"),
            (elsewhere, minilm, source, f"nothing listens at {elsewhere}"),
        ):
            given = ("ingest", path, "--model", model, "--url", url, "--index", index_name)
            done = tandem(*given, *on_ray(ray_cluster), "--json")
            assert (done.code, done.out) == (1, "")
            assert f"the machine {SECOND} of the Ray cluster cannot work for this run: " in done.err
            assert lacks in done.err
    assert not opensearch.client.indices.exists(index=index_name)


def test_sigterm_ends_it_within_seconds_and_leaves_its_terminal_in_order(
    opensearch, index_name, minilm, tmp_path
):
    source = write_jsonl(tmp_path / "a.jsonl", documents(20_000))
    given = ("ingest", source, "--model", minilm, "--url", opensearch.url, "--json")
    given += ("--index", index_name, "--runner", "ray")
    seen, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tandem", *map(str, given)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=terminal,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL),
    )
    os.close(terminal)
    try:
        said = ThreadPoolExecutor(1).submit(all_of, seen)
        end = time.monotonic() + 240
        while not holds_some(opensearch, index_name):
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.2)
        family = psutil.Process(process.pid).children(recursive=True)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert time.monotonic() - began < 30
    err = said.result(60)
    assert "reading ids" in err
    assert "Traceback" not in err
    assert "this process was ended" not in err
    found = json.loads(out)
    assert found["read"] == found["written"] + found["skipped"] + found["rejected"]
    assert found["read"] + found["unfinished"] == 20_000
    assert gone(family)
    assert "refresh_interval" not in settings_of(opensearch, index_name)
    assert found["written"] <= len(stored(opensearch, index_name))


def test_where_ray_ends_the_process_that_is_told(opensearch, index_name, minilm, tmp_path):
    """It does so without a word where its node does not answer."""
    source, port = write_jsonl(tmp_path / "a.jsonl", documents(3)), free_port()
    given = words(minilm, opensearch, source, "--index", index_name, *on_ray(f"{HEAD}:{port}"))
    with ray_node(tmp_path, HEAD, *HEADS, f"--port={port}") as node:
        raylet = next(each for each in node.children() if each.name() == "raylet")
        raylet.suspend()
        try:
            done = in_its_own_process(*given, **NO_TOKEN)
        finally:
            raylet.resume()
    assert (done.code, done.out) == (1, "")
    assert f"node on this machine, of the cluster at {HEAD}:{port}, died or did not" in done.err


def test_ray_is_left_when_no_thread_asks_it_for_anything(ray_cluster, monkeypatch):
    """Else it ends the process, at once and in silence, or starts another Ray."""
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    assert python(ASK_AND_LEAVE, ray_cluster).split() == ["left", "8"]


def all_of(terminal):
    """What comes at a terminal, until nobody has it any more."""
    seen = b""
    with os.fdopen(terminal, "rb", 0) as file, suppress(OSError):
        while more := file.read(4096):
            seen += more
    return seen.decode()


def holds_some(cluster, index):
    if not cluster.client.indices.exists(index=index):
        return False
    cluster.client.indices.refresh(index=index)
    return cluster.client.count(index=index)["count"]
