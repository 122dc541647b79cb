"""Three nodes: all work goes on, and loses nothing, when any one of them is killed."""

import threading
import time

import pytest

from cluster import connect
from ingest import Plan, Writing, enrich, ingest
from mappings import Shape
from query import Searcher
from tests.integration.cluster.nodes import three_nodes
from tests.integration.ingest.existing.books import make_index
from tests.support.loads import documents, stored
from tests.support.stubs import StubEncoder

DOCUMENTS = 400
PATIENCE = 240


@pytest.fixture(scope="module")
def nodes():
    with three_nodes() as found:
        yield found


def green(cluster):
    deadline = time.monotonic() + PATIENCE
    while True:
        with cluster.explaining():
            health = cluster.client.cluster.health()
        if health["status"] == "green" and health["number_of_nodes"] == 3:
            return
        assert time.monotonic() < deadline, health
        time.sleep(1)


class Victim:
    """A node that is killed once something has begun, and comes back before it ends."""

    def __init__(self, node):
        self._node = node
        self._thread, self._first = None, threading.Lock()
        self.back = threading.Event()

    def strike(self, done):
        """Once so much is done, whichever threads tell of it."""
        if done >= DOCUMENTS // 8 and self._first.acquire(blocking=False):
            self._node.kill()
            self._thread = threading.Thread(target=self._return)
            self._thread.start()

    def _return(self):
        time.sleep(5)
        self._node.start()
        self.back.set()

    def wait(self):
        assert self._thread is not None, "it ended before the node was killed"
        self._thread.join(PATIENCE)
        assert self.back.is_set()


def slowly(rows, victim):
    for row in rows:
        time.sleep(0 if victim.back.is_set() else 0.05)
        yield row


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("killed", [0, 1, 2])
def test_a_load_and_searches_go_on(nodes, killed):
    encoder, name = StubEncoder(), f"loaded-{killed}"
    with connect(nodes[0].url, timeout=60) as cluster:
        assert len(cluster.client.transport.hosts) == 3
        green(cluster)
        victim = Victim(nodes[killed])
        try:
            report = ingest(
                slowly(documents(DOCUMENTS), victim),
                index=name,
                cluster=cluster,
                encoder=encoder,
                plan=Plan(keep_replicas=True, writing=Writing(max_outage=PATIENCE)),
                shape=Shape(shards=2, replicas=1),
                on_progress=lambda report: victim.strike(report.written),
            )
            found = Searcher(cluster, name, encoder=encoder).search("number 7", mode="knn", k=3)
        finally:
            victim.wait()
        assert (report.written, report.rejected, len(found)) == (DOCUMENTS, 0, 3)
        assert len(stored(cluster, name)) == DOCUMENTS


class Slow(StubEncoder):
    """Encodes slowly until the victim is back."""

    def __init__(self, victim):
        super().__init__(batch=8)
        self._victim = victim

    def stream_passages(self, texts, stopping=None):
        for number, vector in enumerate(super().stream_passages(texts, stopping)):
            time.sleep(0 if number % 8 or self._victim.back.is_set() else 0.1)
            yield vector


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("killed", [0, 1, 2])
def test_an_enrichment_goes_on(nodes, killed):
    """Of more than one page a shard, so that a point in time is lost with its node."""
    name, many = f"enriched-{killed}", 3 * DOCUMENTS
    texts = [{"body": f"Text number {number}."} for number in range(many)]
    with connect(nodes[0].url, timeout=60) as cluster:
        green(cluster)
        shape = {"number_of_shards": 2, "number_of_replicas": 1}
        make_index(cluster, name, {"body": {"type": "text"}}, texts, **shape)
        green(cluster)
        victim = Victim(nodes[killed])
        encoder = Slow(victim)
        try:
            report = enrich(
                cluster,
                name,
                encoder,
                text_field="body",
                writing=Writing(max_outage=PATIENCE),
                on_progress=lambda report: victim.strike(report.written),
            )
        finally:
            victim.wait()
        assert (report.read, report.rejected, report.changed) == (many, 0, 0)
        found = stored(cluster, name).values()
        assert len(found) == many
        for each in found:
            assert each["body_vector"] == pytest.approx(encoder.vector(each["body"]), abs=1e-5)
