"""Several hosts: one that is away costs no request, and none that changes something goes twice."""

import asyncio
from contextlib import contextmanager

import pytest

from cluster import ClusterError, UnreachableError, connect
from cluster.client import failover
from tests.servers.wrong import Reply, answering, cluster_like

NOWHERE = "http://127.0.0.1:1"
FOUND = {"_scroll_id": "s", "hits": {"hits": []}}


def well(asked):
    return Reply(FOUND if "_search" in asked.path else {"acknowledged": True})


def dropping(asked):
    """Hang up on everything that is no question about the cluster."""
    return Reply(iter(()), raw=True)


@contextmanager
def two(first, second=well):
    """(URLs, what each was asked) of two hosts of one cluster."""
    with answering(cluster_like(first)) as (a, asked_a), answering(cluster_like(second)) as (b, b_):
        yield [a, b], [asked_a, b_]


def paths(asked):
    return [f"{each.method} {each.path}" for each in asked if "books" in each.path]


def test_hosts_take_turns():
    with two(well) as (urls, asked), connect(urls) as cluster:
        for _ in range(4):
            cluster.client.search(index="books", body={})
        assert [len(paths(each)) for each in asked] == [2, 2]


def test_one_that_is_not_there_costs_nothing_even_to_what_changes_something():
    with answering(cluster_like(well)) as (url, asked), connect([NOWHERE, url]) as cluster:
        cluster.client.search(index="books", body={})
        cluster.client.indices.put_settings(index="books", body={})
        assert len(paths(asked)) == 2
        assert cluster.url == f"{NOWHERE} or {url}"

        async def search():
            client = cluster.async_client()
            try:
                for _ in range(2):
                    await client.search(index="books", body={})
                    await client.indices.put_settings(index="books", body={})
            finally:
                await client.close()

        asyncio.run(search())
        assert len(paths(asked)) == 6


@pytest.mark.parametrize("how", [dropping, lambda asked: Reply({"error": "alone"}, status=503)])
def test_what_reads_is_asked_of_another_and_what_changes_is_not(how):
    with two(how) as (urls, asked), connect(urls) as cluster:
        for _ in range(2):
            cluster.client.search(index="books", body={})
        cluster.client.transport.connection_pool.resurrect(force=True)

        def twice():
            with cluster.explaining():
                for _ in range(2):  # one of them goes to the host that is away
                    cluster.client.indices.put_settings(index="books", body={})

        with pytest.raises(UnreachableError):
            twice()
        sent = [path for each in asked for path in paths(each) if "PUT" in path]
        assert len(sent) in (1, 2)


def test_the_next_page_of_a_scroll_is_asked_for_once():
    """A host that died may have given it: a second one would skip it."""
    with two(dropping) as (urls, asked), connect(urls) as cluster:

        def twice():
            with cluster.explaining():
                for _ in range(2):  # one of them goes to the host that is away
                    cluster.client.scroll(scroll_id="s")

        with pytest.raises(UnreachableError):
            twice()
        sent = [each.path for host in asked for each in host if "scroll" in each.path]
        assert len(sent) in (1, 2)


def test_one_that_is_away_is_left_out_for_a_while():
    with two(dropping) as (urls, asked), connect(urls) as cluster:
        for _ in range(6):
            cluster.client.search(index="books", body={})
        assert len(paths(asked[0])) == 1


def test_none_is_there_names_all_that_were_named():
    with pytest.raises(
        UnreachableError, match=f"nothing listens at {NOWHERE} or http://127.0.0.1:2"
    ):
        connect([NOWHERE, "http://127.0.0.1:2/"])


def test_a_certificate_that_is_not_believed_is_told_though_others_are_there():
    with two(well) as (urls, _):
        secure = [url.replace("http", "https") for url in urls]
        with pytest.raises(UnreachableError, match="write http://"):
            connect(secure)


@contextmanager
def told(published, roles=("data",), dead=()):
    """A cluster that tells of its nodes, until it is dead; yields (URL, what it was asked)."""

    def tells(asked):
        if asked.path.startswith("/_nodes/http"):
            nodes = {
                str(n): {"roles": list(roles), "http": {"publish_address": place}}
                for n, place in enumerate(published)
            }
            return Reply({"nodes": nodes})
        return well(asked)

    def root_first(asked):
        if dead:
            return dropping(asked)
        return tells(asked) if asked.path.startswith("/_nodes") else cluster_like(tells)(asked)

    with answering(root_first) as found:
        yield found


def place(url):
    return url.removeprefix("http://")


def test_nodes_that_the_named_one_tells_of_are_asked_when_it_dies_and_not_before(monkeypatch):
    monkeypatch.setattr(failover, "CONNECT_SECONDS", 0.5)
    published, dead = [], []
    with (
        answering(cluster_like(well)) as (other, asked),
        told(published, dead=dead) as (named, seen),
    ):
        published += [place(named), place(other), "books.example/10.0.0.1:9300"]
        with connect(named) as cluster:
            for _ in range(3):
                cluster.client.search(index="books", body={})
            assert (len(paths(seen)), len(paths(asked))) == (3, 0)
            dead.append(True)
            for host in cluster.client.transport.hosts:
                assert host["connect_timeout"] == 0.5
            for _ in range(3):
                cluster.client.search(index="books", body={})
            cluster.client.indices.put_settings(index="books", body={})
            assert len(paths(asked)) == 4
            assert cluster.url == named


@pytest.mark.parametrize(
    ("change", "roles"),
    [
        (lambda named: ["10.0.0.1:9200", "10.0.0.2:9200"], ("data",)),  # it is what stands before
        (lambda named: [place(named), "10.0.0.2:9200"], ("cluster_manager",)),  # takes no requests
        (lambda named: [place(named), None, "", "nonsense"], ("data",)),
    ],
)
def test_nodes_that_cannot_be_reached_alike_are_left_out(change, roles):
    published = []
    with told(published, roles) as (named, _):
        published += change(named)
        with connect(named) as cluster:
            assert len(cluster.client.transport.hosts) == 1


def test_hosts_are_alike_and_some():
    with pytest.raises(ClusterError, match="names both http and https"):
        connect(["http://a.example", "https://b.example"])
    with pytest.raises(ClusterError, match="`url` is an empty list"):
        connect([])
