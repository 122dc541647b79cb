"""A searcher in a process that forks, in several event loops, and where it is to be pickled."""

import asyncio
import gc
import pickle
import threading
import warnings

import pytest

from cluster import connect
from query import AsyncSearcher, Searcher
from query.search.query_vectors import Encoders
from tests.support.processes.forked import forked
from tests.support.stubs import StubEncoder
from tests.unit.cluster.fakes import serving
from tests.unit.query.search.test_flow import answers
from tests.unit.query.targets import target


def encoder():
    return StubEncoder(dim=3)


@pytest.fixture
def cluster():
    with serving(answers()) as (url, _), connect(url) as cluster:
        yield cluster


def ids(result):
    return [hit.id for hit in result]


def test_a_fork_while_a_thread_is_at_the_vectors_and_the_model():
    encoders = Encoders(encoder())
    with encoders._lock, encoders._cache._lock:
        assert len(forked(lambda: encoders.encode(["x"], target()))) == 1


def test_a_child_searches_by_connections_of_its_own(cluster):
    searcher = Searcher(cluster, "books", encoder=encoder())
    searcher.search("x", mode="knn")
    before = cluster.client.transport.connection_pool.connections

    def own():
        found = ids(searcher.search("x", mode="hybrid")), ids(searcher.search("y", mode="bm25"))
        return found, cluster.client.transport.connection_pool.connections[0] not in before

    assert forked(own) == ((["a"], ["a"]), True)
    assert cluster.client.transport.connection_pool.connections == before


def test_one_async_searcher_in_loop_after_loop(cluster):
    searcher = AsyncSearcher(cluster, "books", encoder=encoder())
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in range(3):
            assert ids(asyncio.run(searcher.search("x", mode="knn"))) == ["a"]
        gc.collect()
    assert [each for each in told if issubclass(each.category, ResourceWarning)] == []


def test_one_async_searcher_in_two_loops_at_once(cluster):
    searcher = AsyncSearcher(cluster, "books", encoder=encoder())
    found = []

    async def several():
        jobs = [searcher.search(f"x{n}", mode="knn") for n in range(20)]
        found.extend(map(ids, await asyncio.gather(*jobs)))

    threads = [threading.Thread(target=lambda: asyncio.run(several())) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert found == [["a"]] * 60


def test_closing_closes_what_another_running_loop_has_open(cluster):
    searcher = AsyncSearcher(cluster, "books", encoder=encoder())
    other = asyncio.new_event_loop()
    thread = threading.Thread(target=other.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(searcher.search("x", mode="knn"), other).result()
        (opened,) = searcher._clients._open.values()
        (connection,) = opened.client.transport.connection_pool.connections
        assert connection.session is not None
        asyncio.run(searcher.close())
        assert connection.session is None
    finally:
        other.call_soon_threadsafe(other.stop)
        thread.join()
        other.close()


def test_an_async_searcher_of_the_parent_serves_the_child(cluster):
    searcher = AsyncSearcher(cluster, "books", encoder=encoder())

    async def search():
        return ids(await searcher.search("x", mode="knn"))

    assert asyncio.run(search()) == ["a"]
    assert forked(lambda: asyncio.run(search())) == ["a"]


def test_pickling_says_what_to_do_instead(cluster):
    for each in (Searcher(cluster, "books"), AsyncSearcher(cluster, "books")):
        with pytest.raises(TypeError, match=f"make its {type(each).__name__} there"):
            pickle.dumps(each)
    with pytest.raises(TypeError, match="call connect in the process that uses it"):
        pickle.dumps(cluster)


def test_loops_that_begin_and_end_at_once_leave_no_connection_open(cluster):
    """Each thread's loop has a client of its own, though all begin together, and are all closed."""
    made, start = [], threading.Barrier(8)
    make = cluster.async_client

    class Counting:
        capabilities, client = cluster.capabilities, cluster.client
        explain, has_credentials = cluster.explain, cluster.has_credentials

        def async_client(self):
            made.append(make())
            return made[-1]

    searcher = AsyncSearcher(Counting(), "books", encoder=encoder())

    async def one():
        found.append(ids(await searcher.search("x", mode="knn")))

    def work():
        start.wait(60)
        asyncio.run(one())

    found = []
    threads = [threading.Thread(target=work) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(120)
    assert found == [["a"]] * 8
    assert len(made) == 8
    sessions = [each.transport.connection_pool.connections[0].session for each in made]
    assert sessions == [None] * len(made)
