"""`connect(client=...)`: whatever an opensearch-py client reaches, by its own authentication."""

import asyncio
import socket
import warnings

import pytest
from opensearchpy import (
    AsyncOpenSearch,
    OpenSearch,
    RequestsHttpConnection,
    Transport,
    Urllib3HttpConnection,
)
from requests.auth import AuthBase

from cluster import AccessError, ClusterError, UnreachableError, connect
from query import AsyncSearcher, Searcher
from tests.servers.wrong import Reply, answering
from tests.support.processes.forked import forked
from tests.support.stubs import StubEncoder
from tests.unit.cluster.fakes import error, serving
from tests.unit.cluster.test_explain import WELL
from tests.unit.query.search.test_flow import answers


def sign(method, url, body, headers=None):
    """As Urllib3AWSV4SignerAuth signs."""
    return {"x-signed": f"{method} {url}"}


class Signing(AuthBase):
    """As RequestsAWSV4SignerAuth signs."""

    def __call__(self, request):
        request.headers["x-signed"] = f"{request.method} {request.url}"
        return request


class Tokens(Urllib3HttpConnection):
    """As programs refresh their tokens."""

    def perform_request(self, *args, headers=None, **options):
        return super().perform_request(*args, headers={"x-signed": "fresh"}, **options)


def host_of(url):
    return {"host": "127.0.0.1", "port": int(url.rpartition(":")[2])}


WAYS = {
    "password": {"http_auth": ("ann", "sesame")},
    "header": {"headers": {"authorization": "Bearer abc"}},
    "signer": {"http_auth": sign},
    "requests": {"http_auth": Signing(), "connection_class": RequestsHttpConnection},
    "own class": {"connection_class": Tokens},
}


@pytest.mark.parametrize("way", WAYS)
def test_each_request_says_who_the_given_client_is(way):
    with serving(answers()) as (url, seen), OpenSearch([host_of(url)], **WAYS[way]) as client:
        client.info()
        with connect(client=client) as cluster:
            assert [hit.id for hit in Searcher(cluster, "books").search("x", mode="bm25")] == ["a"]
            searcher = AsyncSearcher(cluster, "books", encoder=StubEncoder(dim=3))

            async def search():
                async with searcher:
                    return await searcher.search("x", mode="knn")

            assert [hit.id for hit in asyncio.run(search())] == ["a"]
        client.info()  # which nobody has closed
    says = {name.lower() for each in seen for name in each.headers}
    assert len(seen) > 6
    assert says & {"authorization", "x-signed"}
    for each in seen:
        told = {name.lower(): value for name, value in each.headers.items()}
        signed = told.get("x-signed", "")
        assert told.get("authorization") or each.path in signed or signed == "fresh"


def test_the_given_client_keeps_its_connections_and_a_child_gets_its_own():
    with serving(answers()) as (url, _), OpenSearch([host_of(url)]) as client:
        (before,) = client.transport.connection_pool.connections
        cluster = connect(client=client)
        searcher = Searcher(cluster, "books")
        assert forked(lambda: [hit.id for hit in searcher.search("x", mode="bm25")]) == ["a"]
        assert before not in cluster.client.transport.connection_pool.connections
        cluster.close()
        assert client.transport.connection_pool.connections == (before,)
        assert before.pool is not None


@pytest.mark.parametrize("kind", [Urllib3HttpConnection, RequestsHttpConnection])
def test_of_several_hosts_one_that_is_away_costs_no_search(kind):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        away = {"host": "127.0.0.1", "port": unused.getsockname()[1]}
        with serving(answers()) as (url, _):
            client = OpenSearch([away, host_of(url), away], connection_class=kind)
            with connect(client=client) as cluster, Searcher(cluster, "books") as searcher:
                for _ in range(6):
                    assert len(searcher.search("x", mode="bm25")) == 1


@pytest.mark.parametrize("kind", [Urllib3HttpConnection, RequestsHttpConnection])
def test_no_kind_of_connection_follows_a_redirect(kind):
    with answering(lambda asked: Reply({})) as (elsewhere, visits):
        reply = Reply({}, status=307, headers={"location": elsewhere})
        with answering(lambda asked: reply) as (url, _), pytest.raises(ClusterError):
            connect(client=OpenSearch([host_of(url)], connection_class=kind))
    assert visits == []


SECRETS = {
    "password": ({"http_auth": ("ann", "sesame")}, "the header 'authorization' for http://h"),
    "requests": (
        {"http_auth": "ann:sesame", "connection_class": RequestsHttpConnection},
        "the header 'authorization' for http://h",
    ),
    "header": ({"headers": {"X-Api-Key": "sesame"}}, "the header 'x-api-key' for http://h"),
    "signer": ({"http_auth": sign}, None),
    "nobody": ({"headers": {"X-Tenant": "a"}}, None),
    "safe": ({"http_auth": ("ann", "sesame"), "use_ssl": True}, None),
}


@pytest.mark.parametrize("way", SECRETS)
def test_what_a_given_client_sends_over_plain_http_to_another_machine_warns(way):
    options, said = SECRETS[way]
    client = OpenSearch([{"host": "h.invalid", "port": 9200}], **options)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with pytest.raises(UnreachableError):
            connect(client=client)
    found = [str(each.message) for each in told if "plain http" in str(each.message)]
    assert [each.partition(".invalid")[0] for each in found] == ([said] if said else [])
    assert "sesame" not in "".join(found)


def test_a_given_client_whose_hosts_are_all_away_is_told_so():
    away = [{"host": "127.0.0.1", "port": port} for port in (1, 2)]
    client = OpenSearch(away, max_retries=1)
    assert not client.ping()  # so that it takes each for dead
    with pytest.raises(UnreachableError, match=r"nothing listens at http://127\.0\.0\.1:"):
        connect(client=client)


def test_the_time_of_the_given_client_holds_unless_another_is_given():
    with serving(WELL) as (url, _):
        for own, given, found in ((None, None, 30), (7, None, 7), (7, 3, 3)):
            options = {} if own is None else {"timeout": own}
            with connect(client=OpenSearch([host_of(url)], **options), timeout=given) as cluster:
                assert cluster.client.transport.kwargs["timeout"] == found
                assert cluster.url == url


def test_a_refusal_names_the_given_client():
    refusing = serving({"*": error("security_exception", "no", 401)})
    told = pytest.raises(AccessError, match="who the given client says it is")
    with refusing as (url, _), told:
        connect(client=OpenSearch([host_of(url)]))
    with pytest.raises(UnreachableError, match=r"nothing listens at http://127\.0\.0\.1:1:"):
        connect(client=OpenSearch([{"host": "127.0.0.1", "port": 1}]))


class Counting(Transport):
    """A transport that does more."""


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda: connect(OpenSearch()), r"the URL is of type opensearchpy.*connect\(client=...\)"),
        (lambda: connect(client="http://a"), "the client is 'http://a': give an OpenSearch of op"),
        (lambda: connect(client=AsyncOpenSearch()), "AsyncOpenSearch: give an OpenSearch of open"),
        (lambda: connect("http://a", client=OpenSearch()), "a client is given, which has an addr"),
        (lambda: connect(client=OpenSearch(), user="a", password="b"), "give it alone, or `url`"),
        (lambda: connect(client=OpenSearch(), verify=False), "give it alone, or `url`"),
        (
            lambda: connect(client=OpenSearch(transport_class=Counting)),
            "transport of its own, of type .*Counting, whose ways .*: give one that has them in",
        ),
    ],
)
def test_what_cannot_be_taken_is_refused_in_one_sentence(wrong, told):
    with pytest.raises(ClusterError, match=told) as caught:
        wrong()
    assert "\n" not in str(caught.value)
