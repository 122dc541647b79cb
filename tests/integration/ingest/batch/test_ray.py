"""A load on Ray, its parts killed, leaves what a local load of the same files leaves."""

import json
import signal
import subprocess
import sys
import time

import psutil
import pytest

from tests.integration.ingest.batch.ray_proof import gone, prove
from tests.servers.servers import OpenSearchServer
from tests.support.commands import tandem
from tests.support.loads import ROOT, documents, stored, write_jsonl

pytestmark = pytest.mark.long
MODEL = ("--model", "sentence-transformers/all-MiniLM-L6-v2")


def test_a_load_on_ray_survives_kills_and_equals_a_local_one(tmp_path):
    server = OpenSearchServer()  # its own, for it is killed
    try:
        server.start()
        prove(server, tmp_path, count=1800, files=12, seconds=0.008)
    finally:
        server.close()


@pytest.fixture(scope="module")
def ray_cluster(tmp_path_factory):
    """The address of a Ray cluster of one machine, as `ray start` makes it."""
    port, words = 26379, ["--head", "--block", "--num-cpus=2", "--include-dashboard=false"]
    words += [f"--port={port}", "--node-ip-address=127.0.0.1", "--object-store-memory=100000000"]
    head = subprocess.Popen(
        [sys.executable, "-m", "ray.scripts.scripts", "start", *words, "--disable-usage-stats"],
        cwd=tmp_path_factory.mktemp("elsewhere"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    family = []
    try:
        yield f"127.0.0.1:{port}"
        family = psutil.Process(head.pid).children(recursive=True)
    finally:
        head.terminate()
        head.wait(30)
        gone(family)


def on_ray(address, cluster, *words):
    options = ("--url", cluster.url, "--runner", "ray", "--address", address, "--json")
    return tandem("ingest", *words, *MODEL, *options)


def test_a_cluster_of_others_is_used_and_left_as_it_was(
    opensearch, index_name, ray_cluster, tmp_path
):
    write_jsonl(tmp_path / "a.jsonl", [*documents(40), {"id": "bad", "text": ""}])
    write_jsonl(tmp_path / "b.jsonl", documents(10, 35))
    source = tmp_path / "?.jsonl"
    done = on_ray(ray_cluster, opensearch, source, "--alias", index_name)
    report = json.loads(done.out)
    assert (done.code, report["read"], report["written"], report["rejected"]) == (3, 51, 45, 6)
    assert report["alias"] == index_name
    write_jsonl(tmp_path / "a.jsonl", documents(30))
    done = on_ray(ray_cluster, opensearch, source, "--index", index_name, "--prune", "--yes")
    report = json.loads(done.out)
    assert (report["written"], report["skipped"], report["passages"]["pruned"]) == (0, 40, 5)
    done = on_ray(ray_cluster, opensearch, source, "--index", index_name, "--workers", 2)
    assert done.code == 1
    assert "2 workers and a reader need 3 CPUs, and the Ray cluster has 2 free" in done.err


def test_what_is_not_there_is_one_sentence(opensearch, index_name, ray_cluster, tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", documents(3))
    done = on_ray("127.0.0.1:1", opensearch, source, "--index", index_name)
    assert done.code == 1
    assert "no Ray cluster answers at 127.0.0.1:1" in done.err


def test_an_interrupt_ends_it_within_seconds(opensearch_server, opensearch, index_name, tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", documents(20_000))
    words = ("ingest", source, "--index", index_name, *MODEL, "--runner", "ray", "--json")
    process = subprocess.Popen(
        [sys.executable, "-m", "tandem", *map(str, words)],
        cwd=ROOT,
        env=opensearch_server.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL),
    )
    try:
        deadline = time.monotonic() + 240
        while not (
            opensearch.client.indices.exists(index=index_name)
            and opensearch.client.cat.count(index=index_name, format="json")[0]["count"] != "0"
        ):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.2)
            opensearch.client.indices.refresh(index=f"{index_name}*")
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
    refresh = opensearch.client.indices.get_settings(index=index_name)[index_name]["settings"]
    assert "refresh_interval" not in refresh["index"]
    assert found["written"] <= len(stored(opensearch, index_name))
