"""A given client that sends by requests: the same bounds as Tandem's own, on each of its ways."""

import time
import zlib
from itertools import repeat

import pytest
from opensearchpy import OpenSearch, RequestsHttpConnection
from opensearchpy.exceptions import OpenSearchException
from requests.adapters import HTTPAdapter

from cluster import UnreachableError, connect
from cluster.access import bounded
from tests.servers.wrong import Reply, answering, cluster_like
from tests.unit.cluster.client.test_connections import HEAD, dripping, searched


class Adapter(HTTPAdapter):
    """As programs have them that bring certificates of their own."""


class Mounting(RequestsHttpConnection):
    def __init__(self, **options):
        super().__init__(**options)
        self.session.mount("http://", Adapter())


def told(answer, *, asynchronous=False, kind=RequestsHttpConnection, timeout=1.0, **options):
    """(the sentence for a search that fails, its seconds)."""
    with answering(cluster_like(answer)) as (url, _):
        host = {"host": "127.0.0.1", "port": int(url.rpartition(":")[2])}
        given = OpenSearch([host], connection_class=kind, timeout=timeout, **options)
        with connect(client=given) as cluster:
            began = time.monotonic()
            with pytest.raises(OpenSearchException) as caught:
                searched(cluster, asynchronous)
            return cluster.explain(caught.value), time.monotonic() - began, caught.value


@pytest.mark.parametrize("kind", [RequestsHttpConnection, Mounting])
@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("head", [False, True])
def test_a_byte_at_a_time_is_no_answer_in_time(head, asynchronous, kind):
    error, seconds, _ = told(
        lambda asked: Reply(dripping(head=head), raw=True), asynchronous=asynchronous, kind=kind
    )
    assert isinstance(error, UnreachableError)
    assert "did not answer in time" in str(error)
    assert seconds < 10  # of the sixty that it would go on


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_an_answer_that_never_ends_is_refused(monkeypatch, packed, asynchronous):
    monkeypatch.setattr(bounded, "LARGEST_ANSWER", 3_000_000)
    packer = zlib.compressobj(wbits=31)
    body = repeat(b" " * 100_000) if not packed else iter([packer.compress(b" " * 30_000_000)])
    headers = {"content-encoding": "gzip"} if packed else {}
    error, *_ = told(
        lambda asked: Reply(body, headers=headers), asynchronous=asynchronous, timeout=30.0
    )
    assert "more than 3 MB for one request" in str(error)


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
def test_half_an_answer_and_none_is_one_sentence(body):
    error, *_ = told(lambda asked: Reply(iter([HEAD + body]), raw=True))
    assert isinstance(error, UnreachableError)
    assert "\n" not in str(error)


def test_a_redirect_is_named_and_gets_nothing():
    with answering(lambda asked: Reply({})) as (elsewhere, visits):
        place = elsewhere.replace("http://", "http://user:secret@") + "/trap?token=secret"
        reply = Reply({}, status=307, headers={"location": place})
        error, *_ = told(lambda asked: reply, http_auth=("ann", "sesame"))
    assert visits == []
    assert f"sends on to '{elsewhere}/trap', where neither credentials" in str(error)
    assert "secret" not in str(error)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_when_to_come_back_is_told(asynchronous):
    reply = Reply({"error": "busy"}, status=429, headers={"retry-after": "7"})
    error, _, raised = told(lambda asked: reply, asynchronous=asynchronous)
    assert raised.retry_after == error.retry_after == 7
