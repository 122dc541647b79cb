"""Real faults done to real processes and nodes: nothing is lost, nothing is done twice."""

import json
import random
import signal
import threading
import time
from contextlib import closing

import pytest

from cluster import connect_embedded
from ingest import BlockedError, OutageError, Plan, Splitting, Writing
from mappings import LOADING
from tests.servers.servers import OpenSearchServer
from tests.support.loads import (
    documents,
    ingested,
    meta_of,
    settings_of,
    start_script,
    stored,
    write_jsonl,
)
from tests.support.stubs import StubEncoder

pytestmark = pytest.mark.long

EXISTS = {"query": {"exists": {"field": "vector"}}}
KILLS = 10


@pytest.fixture(scope="module")
def strained_server():
    """A node that takes little at a time, and may be killed."""
    with closing(
        OpenSearchServer(
            {
                "thread_pool.write.size": 1,
                "thread_pool.write.queue_size": 1,
                "indexing_pressure.memory.limit": "400kb",
                "http.max_content_length": "1mb",
            }
        )
    ) as server:
        server.start()
        yield server


@pytest.fixture
def strained(strained_server):
    with connect_embedded(strained_server.node) as cluster:
        cluster.client.indices.delete(index="strained*")
        yield cluster


def logged(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def encoded_text(source):
    return f"{source['title']}\n{source['text']}"


def finished(process):
    out, err = process.communicate(timeout=900)
    assert "Traceback" not in err, err
    return process.returncode, json.loads(out.splitlines()[-1]), err


def test_ten_kills_lose_nothing_and_repeat_nothing(opensearch, index_name, tmp_path):
    source = write_jsonl(tmp_path / "corpus.jsonl", documents(5000))
    dice = random.Random(5)
    there: set[str] = set()
    for kill in range(KILLS):
        log = tmp_path / f"log{kill}"
        process = start_script(opensearch.url, index_name, str(source), str(log), "0.0015")
        assert process.stdout.readline() == "loading\n"
        time.sleep(dice.uniform(0.05, 0.6))
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL, "the load ended before the kill"
        if log.exists():
            assert there.isdisjoint(logged(log))
        there = {encoded_text(each) for each in stored(opensearch, index_name).values()}
        assert settings_of(opensearch, index_name)["refresh_interval"] == "-1"
    assert 0 < len(there) < 5000
    log = tmp_path / "last"
    process = start_script(opensearch.url, index_name, str(source), str(log), "0")
    code, report, _ = finished(process)
    assert code == 0
    assert there.isdisjoint(logged(log))
    assert report["read"] == 5000 == report["written"] + report["skipped"]
    # The settings that the killed runs left relaxed are restored by the one that finished.
    assert "refresh_interval" not in settings_of(opensearch, index_name)
    assert LOADING not in meta_of(opensearch, index_name)

    whole = f"{index_name}-whole"
    ingested(source, cluster=opensearch, index=whole, encoder=StubEncoder())
    assert stored(opensearch, index_name) == stored(opensearch, whole)


def test_ctrl_c_writes_what_is_encoded_and_exits_130(opensearch, index_name, tmp_path):
    source = write_jsonl(tmp_path / "corpus.jsonl", documents(5000))
    log = tmp_path / "log"
    process = start_script(opensearch.url, index_name, str(source), str(log), "0.001")
    process.stdout.readline()
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    code, report, _ = finished(process)
    assert code == 130
    assert 5000 > report["read"] == report["written"] > 0
    assert report["unfinished"] > 0
    held = {encoded_text(each) for each in stored(opensearch, index_name).values()}
    assert len(held) == report["written"]
    # All but the batch that was in the model when it was stopped.
    assert len(set(logged(log)) - held) <= 2 * StubEncoder().batch
    assert "refresh_interval" not in settings_of(opensearch, index_name)


@pytest.mark.parametrize("after", [0.0, 0.02, 0.1])
def test_a_second_ctrl_c_still_restores_the_settings(opensearch, index_name, tmp_path, after):
    source = write_jsonl(tmp_path / "corpus.jsonl", documents(5000))
    process = start_script(opensearch.url, index_name, str(source), str(tmp_path / "log"), "0.001")
    process.stdout.readline()
    time.sleep(1.0)
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(after)
    code, _, _ = finished(process)
    # The second may also come when all is done and Python is leaving.
    assert code in (130, -signal.SIGINT)
    assert "refresh_interval" not in settings_of(opensearch, index_name)
    assert LOADING not in meta_of(opensearch, index_name)


def test_ctrl_c_while_standard_input_says_nothing(opensearch, index_name, tmp_path):
    import subprocess
    import sys

    from tests.support.loads import ROOT

    words = [
        sys.executable,
        "-m",
        "tests.support.processes.load_script",
        opensearch.url,
        index_name,
        "-",
    ]
    process = subprocess.Popen(
        [*words, str(tmp_path / "log"), "0"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.readline()
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    with process:
        process.wait(timeout=10)
        assert process.returncode == 130
        assert "Traceback" not in process.stderr.read()


def test_a_node_killed_and_started_again_loses_nothing(strained_server, strained):
    source = documents(3000)
    encoder = StubEncoder(seconds=0.001)
    killed = threading.Event()

    def crash():
        strained_server.kill()
        time.sleep(20)
        strained_server.start()

    def on_progress(report):
        if report.written > 300 and not killed.is_set():
            killed.set()
            threading.Thread(target=crash).start()

    report = ingested(
        source,
        cluster=strained,
        index="strained-killed",
        encoder=encoder,
        plan=Plan(writing=Writing(max_count=100)),
        on_progress=on_progress,
    )
    assert killed.is_set()
    assert (report.read, report.written, report.rejected) == (3000, 3000, 0)
    assert report.retries > 0
    assert report.held == len(encoder.encoded) == 3000
    assert stored(strained, "strained-killed").keys() == {d["id"] for d in source}


def test_a_node_that_answers_429_gets_everything_in_the_end(strained):
    source = documents(2000)
    plan = Plan(writing=Writing(in_flight=8))
    encoder = StubEncoder(dim=384)
    report = ingested(source, cluster=strained, index="strained-429", encoder=encoder, plan=plan)
    assert (report.read, report.written, report.rejected) == (2000, 2000, 0)
    assert report.retries > 0
    assert strained.client.count(index="strained-429", body=EXISTS)["count"] == 2000
    assert len(encoder.encoded) == 2000


def test_a_document_beyond_the_clusters_limit_is_rejected_by_name(strained, tmp_path):
    source = documents(5)
    source[2]["text"] = "x " * 600_000
    plan = Plan(splitting=Splitting(split=False), rejects=tmp_path / "rejects.jsonl")
    report = ingested(
        source, cluster=strained, index="strained-413", encoder=StubEncoder(), plan=plan
    )
    assert (report.read, report.written, report.rejected) == (5, 4, 1)
    (line,) = (tmp_path / "rejects.jsonl").read_text("utf-8").splitlines()
    assert json.loads(line)["id"] == "d2"
    assert "1,2" in json.loads(line)["reason"]
    assert "bytes" in json.loads(line)["reason"]


def test_a_tripped_knn_circuit_breaker_means_wait(strained):
    def trip(value):
        body = {"transient": {"knn.circuit_breaker.triggered": value}}
        strained.client.cluster.put_settings(body=body)

    def untrip(report):
        if report.retries:
            trip(None)

    trip(True)
    try:
        report = ingested(
            documents(50),
            cluster=strained,
            index="strained-breaker",
            encoder=StubEncoder(),
            on_progress=untrip,
        )
    finally:
        trip(None)
    assert (report.written, report.rejected) == (50, 0)
    assert report.retries > 0


@pytest.mark.parametrize("block", ["read_only_allow_delete", "read_only", "write"])
def test_an_index_blocked_in_the_middle_stops_with_the_cure(opensearch, index_name, block):
    def set_block(value):
        body = {f"index.blocks.{block}": value}
        opensearch.client.indices.put_settings(index=index_name, body=body)

    def blocking():
        for n, document in enumerate(documents(3000)):
            if n == 1500:
                set_block(True)
            yield document

    reports = []
    with pytest.raises(BlockedError, match=r"takes no writes.*lift the block.*again") as caught:
        ingested(
            blocking(),
            cluster=opensearch,
            index=index_name,
            encoder=StubEncoder(),
            plan=Plan(writing=Writing(max_count=100)),
            reports=reports,
        )
    assert "\n" not in str(caught.value)
    assert index_name in str(caught.value)
    assert reports[-1].rejected == 0
    set_block(None)
    encoder = StubEncoder()
    report = ingested(documents(3000), cluster=opensearch, index=index_name, encoder=encoder)
    assert (report.read, report.rejected) == (3000, 0)
    assert report.skipped >= reports[-1].written > 0
    assert len(encoder.encoded) == report.written
    assert len(stored(opensearch, index_name)) == 3000


def test_a_long_outage_ends_with_what_was_written_and_how_to_resume(strained_server, strained):
    reports = []

    def dying():
        for n, document in enumerate(documents(2000)):
            if n == 1000:
                strained_server.kill()
            yield document

    plan = Plan(writing=Writing(max_count=100, max_outage=2.0))
    began = time.monotonic()
    try:
        with pytest.raises(OutageError, match=r"accepted nothing for .* seconds.*run the same"):
            ingested(
                dying(),
                cluster=strained,
                index="strained-outage",
                encoder=StubEncoder(),
                plan=plan,
                reports=reports,
            )
        assert time.monotonic() - began < 30
        assert reports[-1].unfinished > 0
    finally:
        strained_server.start()
    report = ingested(
        documents(2000), cluster=strained, index="strained-outage", encoder=StubEncoder()
    )
    assert (report.read, report.rejected) == (2000, 0)
    assert report.skipped >= reports[-1].written
    # The run that was cut off could not restore the settings; this one did.
    assert "refresh_interval" not in settings_of(strained, "strained-outage")
