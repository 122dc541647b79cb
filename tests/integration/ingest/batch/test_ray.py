"""A load on Ray, its parts killed, leaves what a local load of the same files leaves."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest

from tests.integration.ingest.batch.ray_proof import gone, prove
from tests.servers.servers import OpenSearchServer
from tests.support.commands import ROOT, tandem
from tests.support.loads import documents, settings_of, stored, write_jsonl

pytestmark = pytest.mark.long
CPUS = 3
# Ray asks for a token wherever a run before left one.
NO_TOKEN = {"RAY_AUTH_MODE": "disabled"}


def test_a_load_on_ray_survives_kills_and_equals_a_local_one(tmp_path):
    server = OpenSearchServer()  # its own, for it is killed
    try:
        server.start()
        prove(server, tmp_path, count=1200, files=12, seconds=0.008)
    finally:
        server.close()


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture(scope="module")
def ray_cluster(tmp_path_factory):
    """The address of a Ray cluster of one machine, as `ray start` makes it."""
    port, words = free_port(), ["--head", "--block", f"--num-cpus={CPUS}", "--disable-usage-stats"]
    words += [f"--port={port}", "--node-ip-address=127.0.0.1", "--object-store-memory=100000000"]
    head = subprocess.Popen(
        [sys.executable, "-m", "ray.scripts.scripts", "start", *words, "--include-dashboard=false"],
        cwd=tmp_path_factory.mktemp("elsewhere"),
        env={**os.environ, **NO_TOKEN},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    family = []
    try:
        end = time.monotonic() + 120
        while not answers(port):
            assert head.poll() is None
            assert time.monotonic() < end
            time.sleep(0.2)
        yield f"127.0.0.1:{port}"
        family = psutil.Process(head.pid).children(recursive=True)
    finally:
        head.terminate()
        head.wait(60)
    assert gone(family)


def answers(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def words(minilm, cluster, source, *more):
    return ("ingest", source, "--model", minilm, "--url", cluster.url, "--json", *more)


def on_ray(address):
    return ("--runner", "ray", "--address", address)


def test_a_cluster_of_others_is_used_and_left_as_it_was(
    opensearch, index_name, ray_cluster, minilm, tmp_path
):
    write_jsonl(tmp_path / "a.jsonl", [*documents(40), {"id": "bad", "text": ""}])
    write_jsonl(tmp_path / "b.jsonl", documents(10, 35))

    def load(*more):
        given = words(minilm, opensearch, tmp_path / "?.jsonl", *on_ray(ray_cluster))
        done = tandem(*given, *more, **NO_TOKEN)
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
    lacks = f"{CPUS} workers and a reader need {CPUS + 1} CPUs, and the Ray cluster has {CPUS} free"
    assert lacks in done.err


def test_sigterm_ends_it_within_seconds(opensearch, index_name, minilm, tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", documents(20_000))
    given = ("ingest", source, "--model", minilm, "--url", opensearch.url, "--json")
    given += ("--index", index_name, "--runner", "ray")
    process = subprocess.Popen(
        [sys.executable, "-m", "tandem", *map(str, given)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL),
    )
    try:
        end = time.monotonic() + 240
        while not holds_some(opensearch, index_name):
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.2)
        family = psutil.Process(process.pid).children(recursive=True)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert time.monotonic() - began < 30
    assert "Traceback" not in err
    found = json.loads(out)
    assert found["read"] == found["written"] + found["skipped"] + found["rejected"]
    assert found["read"] + found["unfinished"] == 20_000
    assert gone(family)
    assert "refresh_interval" not in settings_of(opensearch, index_name)
    assert found["written"] <= len(stored(opensearch, index_name))


def holds_some(cluster, index):
    if not cluster.client.indices.exists(index=index):
        return False
    cluster.client.indices.refresh(index=index)
    return cluster.client.count(index=index)["count"]
