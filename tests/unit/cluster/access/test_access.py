"""Bearer tokens, headers and compression: what is sent, and what is refused before."""

import gzip

import pytest

from cluster import AccessError, ClusterError, connect
from tests.servers.wrong import Reply, answering, cluster_like
from tests.support.commands import tandem

TOKEN = "eyJhbGciOiJIUzI1NiJ9.hunter2.c2ln"


def well(asked):
    return Reply({"hits": {"hits": []}} if asked.method == "POST" else {})


def test_a_bearer_token_of_the_environment_or_a_file(tmp_path):
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    with answering(cluster_like(well)) as (url, seen):
        words = "index", "list", "--url", url
        assert tandem(*words, TANDEM_BEARER_TOKEN=TOKEN).code == 0
        assert tandem(*words, "--bearer-token-file", file).code == 0
        assert {asked.headers["authorization"] for asked in seen} == {f"Bearer {TOKEN}"}


def test_one_that_is_refused_says_so():
    with (
        answering(lambda asked: Reply({"error": "expired"}, status=401)) as (url, _),
        pytest.raises(AccessError, match="which may have expired: give a new one in") as caught,
    ):
        connect(url, bearer_token=TOKEN)
    assert "hunter2" not in str(caught.value)


def test_headers_are_sent_with_every_request():
    with (
        answering(cluster_like(well)) as (url, seen),
        connect(url, headers={"X-Tenant": "books", "Authorization": "Custom hunter2"}) as cluster,
    ):
        cluster.client.search(index="books", body={})
        assert "hunter2" not in repr(cluster.client) + repr(cluster)
    assert {asked.headers["x-tenant"] for asked in seen} == {"books"}
    assert {asked.headers["authorization"] for asked in seen} == {"Custom hunter2"}


@pytest.mark.parametrize("compress", [None, False, True])
def test_compression_is_on_or_off_as_asked(compress):
    with (
        answering(cluster_like(well)) as (url, seen),
        connect(url, compress=compress) as cluster,
    ):
        cluster.client.search(index="books", body={"query": {"match_all": {}}})
    last = seen[-1]
    assert (last.headers.get("content-encoding") == "gzip") is bool(compress)
    assert ("gzip" in last.headers.get("accept-encoding", "")) is bool(compress)
    body = gzip.decompress(last.body) if compress else last.body
    assert body == b'{"query":{"match_all":{}}}'


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"bearer_token": "a\nb"}, "the bearer token holds a blank, a line end"),
        ({"bearer_token": "a", "api_key": "b"}, "both an API key and a bearer token are given"),
        ({"headers": {"content-length": "1"}}, "is no header that may be added"),
        ({"headers": {"A B": "1"}}, "`headers` has a name with a blank"),
        ({"proxy": "http://a\u20ac"}, "is no URL of an HTTP proxy"),
        ({"ca_certs": "a\0"}, "`ca_certs` holds a zero byte"),
        ({"headers": {"A": "1\r\nB: 2"}}, "the value of header 'A' holds a line end"),
        ({"headers": {"Authorization": "x"}, "api_key": "b"}, "both credentials and a header"),
        ({"aws_region": "eu-west-1"}, "without a service: name it in `aws`"),
    ],
)
def test_what_no_request_could_be_made_of(given, said):
    with pytest.raises(ClusterError, match=said):
        connect("http://127.0.0.1:1", **given)
