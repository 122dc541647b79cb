"""A 200 that is no answer of a cluster is as good as none, whatever was asked for."""

import asyncio

import pytest
from opensearchpy.exceptions import ConnectionError as ClientConnectionError

from cluster import UnreachableError, connect
from tests.servers.wrong import Reply, answering, cluster_like

HITS = {"hits": {"hits": [{"_index": "books", "_id": "1", "_score": 1.0}]}}
SHARDS = {"total": 2, "successful": 1}
BOOK = {"books": {"aliases": {}, "mappings": {}, "settings": {"index": {}}}}
# (method, path) -> an answer that is one, and some that have the wrong shape.
KINDS = {
    ("POST", "/books/_search"): (
        {**HITS, "_shards": SHARDS},
        {},
        {"hits": []},
        {"hits": {"hits": [{"_id": 1}]}},
        BOOK,
        {**HITS, "_shards": {"total": 1}},
        {**HITS, "_shards": {**SHARDS, "failures": ["gone"]}},
        {**HITS, "took": "3"},
        {**HITS, "timed_out": "no"},
        {**HITS, "aggregations": {"facet-0": {"buckets": [{"doc_count": 3}]}}},
    ),
    ("POST", "/_search/scroll"): (
        {**HITS, "_scroll_id": "s"},
        HITS,
        {"_scroll_id": "s", "hits": {"hits": "none"}},
    ),
    ("POST", "/_msearch"): ({"responses": [HITS, {"error": {}}]}, HITS, {"responses": [{}]}),
    ("POST", "/books/_mget"): (
        {"docs": [{"_id": "1", "found": True}, {"_id": "2", "error": {}}]},
        {},
        {"docs": ["1"]},
        {"docs": [{"_id": "1"}]},
    ),
    ("POST", "/books/_count"): (
        {"count": 3},
        {},
        {"count": "3"},
        {"count": True},
        {"count": 3, "_shards": {"total": 1}},
    ),
    ("POST", "/books/_bulk"): (
        {"errors": False, "items": [{"index": {"status": 201}}]},
        {"errors": False},
        {"items": {}},
        {"items": [{"index": {}}]},
        {"items": [{}]},
        {"items": [{"index": {"status": "201"}}]},
    ),
    ("GET", "/books"): (
        BOOK,
        {},
        {"books": {}},
        {"ok": True},
        {"books": {**BOOK["books"], "mappings": {"properties": {"text": "text"}}}},
        {"books": {**BOOK["books"], "settings": {"index": {"number_of_shards": "many"}}}},
    ),
    ("GET", "/books/_stats/docs"): (
        {"indices": {"books": {"primaries": {"docs": {"count": 3}}}}},
        {"indices": {"books": {"primaries": {"docs": {"count": "3"}}}}},
        {"indices": []},
    ),
    ("GET", "/_search/pipeline/p"): ({"p": {}}, {"p": {"phase_results_processors": [3]}}),
    ("GET", "/books/_mapping"): (BOOK, {"books": {"mappings": []}}, {"books": None}),
    ("GET", "/books/_settings"): (BOOK, {"books": {"settings": 1}}),
    ("GET", "/_alias/novels"): (BOOK, {"books": {}}),
    ("GET", "/_aliases"): (BOOK, {"status": "ok"}),
    ("PUT", "/books"): ({"acknowledged": True}, []),
    ("POST", "/_aliases"): ({"acknowledged": True}, "ok"),
    ("GET", "/_cat/plugins?format=json"): ([], "text"),
}
# Whatever is asked for.
NONSENSE = [
    Reply(b"<html><body>Welcome</body></html>", kind="text/html"),
    Reply(b"<html><body>Welcome</body></html>"),
    Reply(b"hello", kind="text/plain"),
    Reply(b""),
    Reply(b'{"hits": {"hits": [{"_id": "1", "_sco'),
    Reply(b"[" * 200_000),
    Reply(b"\xff\xfe\x00"),
    Reply(b"null"),
    Reply(b"3"),
]


def asked(cluster, method, path):
    return cluster.client.transport.perform_request(method, path)


@pytest.mark.parametrize("kind", KINDS, ids=" ".join)
def test_only_what_was_asked_for_is_believed(kind):
    good, *bad = KINDS[kind]
    wrong = [*map(Reply, bad), *NONSENSE]
    coming = []
    said = cluster_like(lambda each: coming.pop(0))
    with (
        answering(lambda each: coming.pop(0) if coming else said(each)) as (url, _),
        connect(url) as cluster,
    ):
        coming += [Reply(good), *wrong]
        assert asked(cluster, *kind) == good
        for reply in wrong:
            with pytest.raises(ClientConnectionError) as caught:
                asked(cluster, *kind)
            sentence = cluster.explain(caught.value)
            assert isinstance(sentence, UnreachableError), reply
            assert str(sentence).startswith(url)
            assert len(str(sentence)) < 400


@pytest.mark.parametrize("reply", NONSENSE)
def test_on_an_event_loop_too(reply):
    async def ask(cluster):
        client = cluster.async_client()
        try:
            await client.transport.perform_request("POST", "/books/_search")
        finally:
            await client.close()

    with answering(cluster_like(lambda each: reply)) as (url, _), connect(url) as cluster:
        with pytest.raises(ClientConnectionError) as caught:
            asyncio.run(ask(cluster))
        assert isinstance(cluster.explain(caught.value), UnreachableError)


def test_an_absence_that_no_cluster_told_is_not_believed():
    """A proxy's 404 would make an index that is there, or lose the holders of an alias."""
    page = Reply(b"<html>not found</html>", status=404, kind="text/html")
    with (
        answering(cluster_like(lambda each: page)) as (url, _),
        connect(url) as cluster,
        pytest.raises(ClientConnectionError, match="no such answer as a cluster"),
    ):
        cluster.client.indices.get_alias(name="novels")
    said = Reply({"error": "alias [novels] missing", "status": 404}, status=404)
    with answering(cluster_like(lambda each: said)) as (url, _), connect(url) as cluster:
        with pytest.raises(Exception, match="missing") as caught:
            cluster.client.indices.get_alias(name="novels")
        assert caught.value.status_code == 404


@pytest.mark.parametrize("body", [b"[]", b'"no"', b"[" * 200_000])
def test_an_error_whose_body_is_no_object_is_still_that_error(body):
    with (
        answering(cluster_like(lambda each: Reply(body, status=503))) as (url, _),
        connect(url) as cluster,
        pytest.raises(Exception, match="503") as caught,
    ):
        asked(cluster, "POST", "/books/_search")
    assert caught.value.status_code == 503


def test_text_that_is_asked_for_is_text():
    with (
        answering(cluster_like(lambda each: Reply(b"a b\n", kind="text/plain"))) as (url, _),
        connect(url) as cluster,
    ):
        assert cluster.client.cat.indices() == "a b\n"
