"""What networks and proxies do to bulk requests, done by a proxy before a real node."""

import time
from dataclasses import replace

import pytest

from cluster import ClusterError, connect
from ingest import IngestError, OutageError, Plan, Writing
from ingest.index.open import create_index
from ingest.passages import skip, split
from ingest.run.batch.pipeline import DOCUMENTS_AHEAD, PASSAGES_AHEAD, READ_AHEAD, REQUESTS_AHEAD
from mappings import Shape
from tests.servers.flaky import STALL_SECONDS, FlakyProxy
from tests.support.loads import documents, ingested, stored
from tests.support.stubs import StubEncoder

COUNT = 1000
SMALL = Writing(max_count=100, in_flight=2)


def load(proxy, index, plan=None, timeout=60.0):
    encoder = StubEncoder()
    with connect(proxy.url, timeout=timeout) as cluster:
        report = ingested(
            documents(COUNT),
            cluster=cluster,
            index=index,
            encoder=encoder,
            plan=plan or Plan(writing=SMALL),
        )
    assert len(encoder.encoded) == COUNT
    return report


@pytest.mark.parametrize("fault", [429, 502, 503, 504, "drop", "lose", "stall"])
def test_what_passes_is_sent_again_and_nothing_is_lost(opensearch, index_name, fault):
    with FlakyProxy(opensearch.url, lambda n: fault if n in (1, 3, 4) else None) as proxy:
        # Below what a stall takes, and above what a busy machine does.
        report = load(proxy, index_name, timeout=STALL_SECONDS - 2 if fault == "stall" else 60)
    assert (report.written, report.rejected) == (COUNT, 0)
    assert report.retries >= 3
    found = stored(opensearch, index_name)
    assert found.keys() == {d["id"] for d in documents(COUNT)}


def test_a_request_that_is_too_large_is_sent_in_parts(opensearch, index_name):
    with FlakyProxy(opensearch.url, lambda n: 413 if n < 5 else None) as proxy:
        report = load(proxy, index_name)
    assert (report.written, report.rejected) == (COUNT, 0)
    assert len(stored(opensearch, index_name)) == COUNT


def test_a_slow_cluster_slows_the_reader(opensearch, index_name):
    """What is taken from the source and not stored is bounded, however far the source goes on."""

    def slow(number):
        time.sleep(0.1)

    reports = []
    plan = Plan(writing=SMALL)
    with FlakyProxy(opensearch.url, slow) as proxy, connect(proxy.url) as cluster:
        ingested(
            documents(5000),
            cluster=cluster,
            index=index_name,
            encoder=StubEncoder(),
            plan=plan,
            reports=reports,
        )
    # What waits, a handful more in the hands of who takes it, and what each stage has in work.
    most = (
        1.25 * (READ_AHEAD + DOCUMENTS_AHEAD + 2 * PASSAGES_AHEAD)
        + split.WINDOW
        + skip.WINDOW
        + StubEncoder().batch
        + (1 + REQUESTS_AHEAD + SMALL.in_flight) * SMALL.max_count
    )
    assert max(report.unfinished for report in reports) <= most < 2000


def test_a_refusal_in_the_middle_stops_with_the_clusters_sentence(opensearch, index_name):
    with (
        FlakyProxy(opensearch.url, lambda n: 401 if n > 4 else None) as proxy,
        pytest.raises(ClusterError, match="who you are"),
    ):
        load(proxy, index_name)


def test_nothing_but_refusals_is_an_outage(opensearch, index_name):
    plan = Plan(writing=Writing(max_count=100, max_outage=1.0))
    with (
        FlakyProxy(opensearch.url, lambda n: 503 if n > 2 else None) as proxy,
        pytest.raises(OutageError, match=r"`max_outage` is 1.*HTTP 503.*run the same command"),
    ):
        load(proxy, index_name, plan)


def test_a_lost_answer_is_settled_by_the_next_look_up(opensearch, index_name):
    """Written, though nobody was told: the next run neither encodes nor writes it again."""
    plan = Plan(writing=Writing(max_count=100, in_flight=1, max_outage=0.5))
    with (
        FlakyProxy(opensearch.url, lambda n: "lose" if n > 5 else None) as proxy,
        pytest.raises(OutageError),
    ):
        load(proxy, index_name, plan)
    there = len(stored(opensearch, index_name))
    assert there >= 600
    encoder = StubEncoder()
    report = ingested(documents(COUNT), cluster=opensearch, index=index_name, encoder=encoder)
    assert (report.skipped, report.written) == (there, COUNT - there)
    assert len(encoder.encoded) == COUNT - there


def test_an_index_deleted_in_the_middle_is_told(opensearch, index_name):
    def deleting():
        for n, document in enumerate(documents(COUNT)):
            if n == 500:
                opensearch.client.indices.delete(index=index_name)
            yield document

    with pytest.raises(IngestError, match=r"was deleted (or closed )?during the load"):
        ingested(
            deleting(),
            cluster=opensearch,
            index=index_name,
            encoder=StubEncoder(),
            plan=Plan(writing=SMALL),
        )


def test_vectors_that_the_cluster_drops_silently_are_found_and_written_anew(opensearch, index_name):
    """index.mapping.ignore_malformed, with k-NN's breaker tripped: stored without a vector."""
    client = opensearch.client
    body = create_index(opensearch, index_name, StubEncoder(), shape=Shape())
    client.indices.delete(index=index_name)
    body["settings"]["index"] |= {
        "mapping.ignore_malformed": True,
        "knn.derived_source.enabled": False,
    }
    client.indices.create(index=index_name, body=body)

    def trip(value):
        client.cluster.put_settings(body={"transient": {"knn.circuit_breaker.triggered": value}})

    def tripping():
        for n, document in enumerate(documents(300)):
            if n == 200:
                trip(True)
            yield document

    try:
        with pytest.raises(IngestError, match=r"have no vector.*ignore_malformed"):
            ingested(
                tripping(),
                cluster=opensearch,
                index=index_name,
                encoder=StubEncoder(),
                plan=Plan(writing=Writing(max_count=50)),
            )
    finally:
        trip(None)
    report = ingested(documents(300), cluster=opensearch, index=index_name, encoder=StubEncoder())
    assert "ignore_malformed" in report.warnings[0]
    assert report.written > 0
    exists = {"query": {"exists": {"field": "vector"}}}
    assert client.count(index=index_name, body=exists)["count"] == 300


def test_while_nothing_is_accepted_the_report_says_so(opensearch, index_name):
    seen = []

    def failing(number):
        return 503 if number > 2 and not any(each.outage for each in seen) else None

    with FlakyProxy(opensearch.url, failing) as proxy, connect(proxy.url) as cluster:
        ingested(
            documents(COUNT),
            cluster=cluster,
            index=index_name,
            encoder=StubEncoder(),
            plan=Plan(writing=SMALL),
            reports=seen,
        )
        told = next(each.outage for each in seen if each.outage)
        assert told.startswith(f"the cluster at {proxy.url} accepts nothing since")
    assert seen[-1].outage is None
    assert seen[-1].written == COUNT


@pytest.mark.parametrize("in_the_end", [False, True])
def test_an_interrupt_does_not_wait_for_the_end_of_an_outage(opensearch, index_name, in_the_end):
    """A batch system or a closed terminal ends the run: it may not live on for ten minutes."""
    interrupted, ends = [], []

    def interrupt(report):
        ends.extend([report.finishing] if report.finishing else [])
        if report.outage and not interrupted:
            interrupted.append(time.monotonic())
            raise KeyboardInterrupt

    def failing(number):
        return 503 if (ends if in_the_end else number > 2) else None

    with (
        FlakyProxy(opensearch.url, failing, everything=True) as proxy,
        connect(proxy.url) as cluster,
        pytest.raises(KeyboardInterrupt),
    ):
        ingested(
            documents(COUNT),
            cluster=cluster,
            index=index_name,
            encoder=StubEncoder(),
            plan=Plan(writing=replace(SMALL, interrupt_outage=1.0)),
            on_progress=interrupt,
        )
    assert time.monotonic() - interrupted[0] < 60
