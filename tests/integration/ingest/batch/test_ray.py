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
from tests.support.commands import ROOT
from tests.support.loads import documents, settings_of, stored, write_jsonl

pytestmark = pytest.mark.long


def test_a_load_on_ray_survives_kills_and_equals_a_local_one(tmp_path):
    server = OpenSearchServer()  # its own, for it is killed
    try:
        server.start()
        prove(server, tmp_path, count=1200, files=12, seconds=0.008)
    finally:
        server.close()


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
