"""Requests signed for Amazon's services: a server that recomputes signatures takes them."""

import asyncio
import sys
from dataclasses import replace

import pytest

from cluster import AccessError, ClusterError, connect
from cluster.access.signing import Signer
from tests.servers.wrong import Reply, answering, cluster_like
from tests.support.commands import tandem
from tests.unit.cluster.access.amazon import ENVIRON, SECRET, checking

BULK = b'{"index":{"_index":"books","_id":"1"}}\n{"text":"b\xc3\xa9es"}\n'
DONE = {"items": [{"index": {"status": 201}}], "errors": False, "took": 1}


@pytest.fixture(autouse=True)
def account(monkeypatch):
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.delenv("AWS_REGION", raising=False)
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)


def service(asked):
    return Reply(DONE if "_bulk" in asked.path else {"hits": {"hits": []}, "count": 0})


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("kind", ["es", "aoss"])
def test_all_requests_are_taken_bulk_bodies_included(kind, compress):
    with (
        answering(checking(cluster_like(service), kind)) as (url, seen),
        connect(url, aws=kind, aws_region="eu-west-1", compress=compress) as cluster,
    ):
        ask = cluster.client.transport.perform_request
        headers = {"content-type": "application/x-ndjson"}
        ask("POST", "/_bulk", {"pipeline": "_none"}, body=BULK, headers=headers)
        ask("POST", "/books,b*/_search", {"q": "a b+c*~'é/", "filter_path": "hits.*,a"}, body={})
        ask("GET", "/b%C3%A9es/_count?a=%2B&b")
        bulk = next(asked for asked in seen if "_bulk" in asked.path)
        assert (bulk.body == BULK) is not compress

        async def search():
            client = cluster.async_client()
            try:
                await client.transport.perform_request("POST", "/b%C3%A9/_search?q=a%20b", body={})
            finally:
                await client.close()

        asyncio.run(search())
    # Serverless has no page that tells what it is.
    assert any(asked.path == "/" for asked in seen) is (kind == "es")


def test_what_was_changed_on_the_way_is_refused():
    def changed(answer):
        def reply(asked):
            return answer(replace(asked, body=asked.body.replace(b"es", b"ES")))

        return reply

    with (
        answering(changed(checking(cluster_like(service), "es"))) as (url, _),
        connect(url, aws="es", aws_region="eu-west-1") as cluster,
        pytest.raises(AccessError) as caught,
        cluster.explaining(),
    ):
        cluster.client.transport.perform_request("POST", "/_bulk", body=BULK)
    assert "forbids this to your credentials for Amazon's services: The request sig" in str(
        caught.value
    )


def test_a_wrong_secret_is_one_sentence(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with answering(checking(cluster_like(service), "es")) as (url, _):
        done = tandem(
            "index", "list", "--url", url, "--aws", "es", "--aws-region", "eu-west-1",
            **{**ENVIRON, "AWS_SECRET_ACCESS_KEY": "wrong"},
        )  # fmt: skip
    assert done.code == 1
    assert "forbids this to your credentials for Amazon's services: The request sig" in done.err
    assert SECRET not in done.err + done.out


def test_the_command_line_signs():
    with answering(checking(cluster_like(lambda asked: Reply({})), "es")) as (url, _):
        words = "index", "list", "--url", url, "--aws", "es"
        assert tandem(*words, AWS_REGION="eu-west-1", **ENVIRON).code == 0
        done = tandem(*words, **ENVIRON)
    assert (done.code, "name it with --aws-region, or set AWS_REGION" in done.err) == (1, True)


def test_a_refusal_of_the_service_is_told_in_its_words():
    refusal = {
        "Message": "User: arn:aws:iam::1:user/ann is not authorized to perform: es:ESHttpGet"
    }
    with (
        answering(lambda asked: Reply(refusal, status=403)) as (url, _),
        pytest.raises(AccessError, match=r"forbids this to .*: User: arn:aws:iam::1:user/ann is"),
    ):
        connect(url, aws="es", aws_region="eu-west-1")


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("search-books-abc.eu-central-1.es.amazonaws.com", "eu-central-1"),
        ("abc.us-gov-east-1.aoss.amazonaws.com", "us-gov-east-1"),
        ("search-books-abc.aos.ap-southeast-2.on.aws", "ap-southeast-2"),
    ],
)
def test_the_region_is_in_the_host_name(host, region):
    _, headers = Signer("es", None, host).signed("GET", f"https://{host}/", None, {})
    assert f"/{region}/es/aws4_request" in headers["Authorization"]


def test_no_credentials_and_no_package_are_one_sentence(monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(AccessError, match="no credentials for Amazon's services are found: set"):
        connect("http://127.0.0.1:1", aws="es", aws_region="eu-west-1")
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(AccessError, match=r"nobody.*: set AWS_ACCESS_KEY_ID"):
        connect("http://127.0.0.1:1", aws="es", aws_region="eu-west-1")
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(ClusterError, match=r"pip install 'tandem-search\[aws\]'"):
        connect("http://127.0.0.1:1", aws="es", aws_region="eu-west-1")


def test_a_service_that_is_none_and_two_ways_at_once():
    with pytest.raises(ClusterError, match="`aws` is 's3' and must be es or aoss"):
        connect("http://127.0.0.1:1", aws="s3")
    with pytest.raises(ClusterError, match="both a user and a service whose requests are signed"):
        connect("http://127.0.0.1:1", user="u", password="p", aws="es")
