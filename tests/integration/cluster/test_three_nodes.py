"""Three nodes: loads and searches go on, and lose nothing, when any one of them is killed."""

import threading
import time

import pytest

from cluster import connect
from ingest import Plan, Writing, ingest
from mappings import Shape
from query import Searcher
from tests.integration.cluster.nodes import three_nodes
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
