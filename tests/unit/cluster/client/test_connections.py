"""Requests that end in time, answers that fit memory, and redirects that nobody follows.

By Tandem's own client, and by a given one that sends by requests.
"""

import asyncio
import time
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import repeat

import pytest
from opensearchpy import OpenSearch, RequestsHttpConnection
from opensearchpy.exceptions import OpenSearchException
from requests.adapters import HTTPAdapter

from cluster import ClusterError, UnreachableError, connect
from cluster.access import bounded
from cluster.client.connections import retry_after
from tests.servers.wrong import Reply, answering, cluster_like

SEARCH = ("POST", "/books/_search")
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


class Adapter(HTTPAdapter):
    """As programs have them that bring certificates of their own."""


class Mounting(RequestsHttpConnection):
    def __init__(self, **options):
        super().__init__(**options)
        self.session.mount("http://", Adapter())


OWN, KINDS = None, (None, RequestsHttpConnection, Mounting)


def reached(url, kind, *, user=None, password=None, timeout=1.0):
    """A cluster by Tandem's own client, or by a given one whose connections are of this kind."""
    if kind is OWN:
        return connect(url, timeout=timeout, user=user, password=password)
    host = {"host": "127.0.0.1", "port": int(url.rpartition(":")[2])}
    auth = (user, password) if user else None
    given = OpenSearch([host], connection_class=kind, timeout=timeout, http_auth=auth)
    return connect(client=given)


def told(answer, *, asynchronous, kind=OWN, **options):
    """The sentence for a search of a server that gives `answer`; (sentence, seconds, requests)."""
    with (
        answering(cluster_like(answer)) as (url, seen),
        reached(url, kind, **options) as cluster,
    ):
        began = time.monotonic()
        with pytest.raises(OpenSearchException) as caught:
            searched(cluster, asynchronous)
        seconds = time.monotonic() - began
        return cluster.explain(caught.value), seconds, seen


def searched(cluster, asynchronous):
    if asynchronous:
        return asyncio.run(searched_on_a_loop(cluster))
    return cluster.client.transport.perform_request(*SEARCH, body={})


async def searched_on_a_loop(cluster):
    client = cluster.async_client()
    try:
        return await client.transport.perform_request(*SEARCH, body={})
    finally:
        await client.close()


def dripping(*, head):
    """One byte at a time, for a minute; head: of the answer's first lines."""
    if not head:
        yield HEAD + b"content-length: 600\r\n\r\n"
    for byte in (HEAD + b" " * 600)[:300]:
        yield bytes([byte])
        time.sleep(0.2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("head", [False, True])
def test_a_byte_at_a_time_is_no_answer_in_time(head, asynchronous, kind):
    error, seconds, _ = told(
        lambda asked: Reply(dripping(head=head), raw=True), asynchronous=asynchronous, kind=kind
    )
    assert isinstance(error, UnreachableError)
    assert "did not answer in time" in str(error)
    assert seconds < 10  # of the sixty that it would go on


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_an_answer_that_never_ends_is_refused(monkeypatch, packed, asynchronous, kind):
    monkeypatch.setattr(bounded, "LARGEST_ANSWER", 3_000_000)
    packer = zlib.compressobj(wbits=31)
    body = repeat(b" " * 100_000) if not packed else iter([packer.compress(b" " * 300_000_000)])
    headers = {"content-encoding": "gzip"} if packed else {}
    error, _, _ = told(
        lambda asked: Reply(body, headers=headers),
        asynchronous=asynchronous,
        kind=kind,
        timeout=30.0,
    )
    assert "more than 3 MB for one request" in str(error)
    assert isinstance(error, UnreachableError)


def test_a_length_that_memory_has_no_room_for_is_refused_unread():
    raw = iter([HEAD + b"content-length: 900000000000\r\n\r\n{"])
    error, _, _ = told(lambda asked: Reply(raw, raw=True), asynchronous=False)
    assert "more than 500 MB" in str(error)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "body",
    [
        b"content-length: 50\r\n\r\n{}",
        b"transfer-encoding: chunked\r\n\r\n10\r\n{}",
        b"transfer-encoding: chunked\r\n\r\nzz\r\n{}",
        b"content-length: 4\r\n\r\n<ht>",
        b"content-encoding: gzip\r\ncontent-length: 4\r\n\r\n{  }",
    ],
)
def test_half_an_answer_and_none_is_one_sentence(body, kind):
    error, _, _ = told(
        lambda asked: Reply(iter([HEAD + body]), raw=True), asynchronous=False, kind=kind
    )
    assert isinstance(error, UnreachableError)
    assert "\n" not in str(error)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_named_and_gets_nothing(status, asynchronous, kind):
    with answering(lambda asked: Reply({"hits": {"hits": []}})) as (elsewhere, visits):
        place = elsewhere.replace("http://", "http://user:secret@") + "/trap?token=secret"
        error, _, seen = told(
            lambda asked: Reply({}, status=status, headers={"location": place}),
            asynchronous=asynchronous,
            kind=kind,
            user="ann",
            password="pass",
        )
    assert visits == []
    sent = {name.lower(): value for name, value in seen[-1].headers.items()}
    assert sent["authorization"].startswith("Basic ")
    assert f"sends on to '{elsewhere}/trap', where neither credentials" in str(error)
    assert "secret" not in str(error)


def test_a_redirect_is_told_when_a_cluster_is_reached():
    reply = Reply({}, status=302, headers={"location": "/login"})
    with (
        answering(lambda asked: reply) as (url, _),
        pytest.raises(ClusterError, match=r"sends on to '/login'.*check `url`"),
    ):
        connect(url)


def test_connections_are_kept_for_the_next_request():
    with (
        answering(cluster_like(lambda asked: Reply({"hits": {"hits": []}}))) as (url, _),
        connect(url) as cluster,
    ):
        pool = cluster.client.transport.get_connection().pool._pool
        before = pool.num_connections
        for _ in range(5):
            cluster.client.transport.perform_request(*SEARCH, body={})
        assert (pool.num_connections, pool.num_requests) == (before, 8)


def test_when_to_come_back():
    assert retry_after("120") == 120
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert 50 < retry_after(later) <= 60
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after("9" * 400) == 86_400
    for nothing in (None, "", "soon", "-5", "1.5", "NaN"):
        assert retry_after(nothing) is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_error_tells_when_to_come_back(asynchronous, kind):
    reply = Reply({"error": "busy"}, status=429, headers={"retry-after": "7"})
    with (
        answering(cluster_like(lambda asked: reply)) as (url, _),
        reached(url, kind) as cluster,
    ):
        with pytest.raises(Exception, match="429") as caught:
            searched(cluster, asynchronous)
        assert caught.value.retry_after == 7
        told = cluster.explain(caught.value)
        assert (told.status, told.retry_after) == (429, 7)
        assert "wait 7 seconds, as it asks, and run the command again" in str(told)
