"""A secured OpenSearch 2.19.1: TLS, passwords and permissions, each failure one sentence."""

import asyncio
import os
import warnings
from pathlib import Path

import pytest
from opensearchpy import OpenSearch

from cluster import AccessError, MissingIndexError, UnreachableError, connect
from tests.support.commands import tandem
from tests.support.commands.forking import run_tandem

ROOT = Path(__file__).resolve().parents[3]


def refused(server, kind, **changes):
    with pytest.raises(kind) as caught:
        server.connect(**changes)
    said = str(caught.value)
    assert server.url in said
    assert "\n" not in said
    return said


def test_a_wrong_password(secured_server):
    said = refused(secured_server, AccessError, password="wrong")
    assert "password of user 'admin'" in said
    assert "correct it in `password`" in said
    assert "wrong" not in said


@pytest.mark.parametrize("who", [("admin", "wrong"), ("a-stranger", "admin")])
def test_who_is_not_believed_is_one_sentence_and_exit_1(secured_server, who):
    words = ("--url", secured_server.url, "--ca-certs", secured_server.ca_certs, "--user", who[0])
    done = tandem("index", "list", *words, TANDEM_PASSWORD=who[1])
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        f"Error: {secured_server.url} does not accept the password of user {who[0]!r}, or knows no "
        "such user: correct it in TANDEM_PASSWORD or --password-file, or the name in --user."
    )


def test_nobody(secured_server):
    assert "`user`" in refused(secured_server, AccessError, user=None, password=None)


def test_an_api_key_it_does_not_know(secured_server):
    said = refused(secured_server, AccessError, user=None, password=None, api_key="bm9uZTpub25l")
    assert "API key" in said
    assert "bm9uZTpub25l" not in said


def test_an_unknown_authority(secured_server):
    assert "`ca_certs`" in refused(secured_server, UnreachableError, ca_certs=None)


def test_plain_http_to_its_port(secured_server):
    with pytest.raises(UnreachableError, match="write https://"):
        connect(secured_server.url.replace("https", "http"))


def test_without_verification_it_connects(secured_server):
    before = list(warnings.filters)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with secured_server.connect(ca_certs=None, verify=False) as cluster:
            assert cluster.capabilities.version == (2, 19, 1)
    (told,) = warned  # and none of urllib3, at each request
    assert "is not verified" in str(told.message)
    assert warnings.filters == before


def test_a_client_that_is_there_already_is_taken(secured_server):
    trust = {"use_ssl": True, "ca_certs": secured_server.ca_certs}
    with (
        OpenSearch(secured_server.url, http_auth=("admin", "admin"), **trust) as client,
        connect(client=client) as cluster,
    ):
        assert cluster.capabilities.version == (2, 19, 1)
        asyncio.run(cluster.async_client().close())


def test_a_user_who_may_only_read(secured_server, secured, index_name):
    secured.client.indices.create(index=index_name)
    with secured_server.connect(user="readall", password="readall") as cluster:
        can = cluster.capabilities
        assert (can.distribution, can.version_text) == ("opensearch", "unknown")
        assert can.knn
        assert cluster.client.count(index=index_name)["count"] == 0
        with pytest.raises(Exception) as caught:  # noqa: PT011 - explain takes whatever comes
            cluster.client.indices.delete(index=index_name)
        said = cluster.explain(caught.value)
    assert isinstance(said, AccessError)
    assert "user 'readall' lacks the index permission indices:admin/delete" in str(said)


def test_a_missing_index_is_named_with_the_nearest(secured, index_name):
    secured.client.indices.create(index=index_name)
    with pytest.raises(Exception) as caught:  # noqa: PT011 - explain takes whatever comes
        secured.client.search(index=index_name + "x", body={})
    said = secured.explain(caught.value)
    assert isinstance(said, MissingIndexError)
    assert f"did you mean {index_name}?" in str(said)


def test_a_disk_that_was_full(secured, index_name):
    block = {"index.blocks.read_only_allow_delete": True}
    secured.client.indices.create(index=index_name, body={"settings": block})
    with pytest.raises(Exception) as caught:  # noqa: PT011 - explain takes whatever comes
        secured.client.index(index=index_name, body={"a": 1})
    said = str(secured.explain(caught.value))
    assert "read-only-allow-delete" in said or "read-only / allow delete" in said
    assert "free disk space" in said


def test_a_bad_request_tells_the_root_cause(opensearch, index_name):
    vector = {"type": "knn_vector", "dimension": 0}
    body = {"mappings": {"properties": {"v": vector}}}
    with pytest.raises(Exception) as caught:  # noqa: PT011 - explain takes whatever comes
        opensearch.client.indices.create(index=index_name, body=body)
    assert "imension" in str(opensearch.explain(caught.value))


def test_the_async_client_is_as_trusted(secured):
    async def ask():
        client = secured.async_client()
        try:
            return await client.info()
        finally:
            await client.close()

    assert asyncio.run(ask())["version"]["number"] == "2.19.1"


def test_the_command_line_takes_it_all_from_the_environment(secured_server):
    environ = {
        "TANDEM_URL": secured_server.url,
        "TANDEM_USER": secured_server.user,
        "TANDEM_PASSWORD": secured_server.password,
        "TANDEM_CA_CERTS": str(secured_server.ca_certs),
    }
    done = run_tandem(
        ["doctor"],
        env={**os.environ, "COLUMNS": "200", **environ},
        cwd=ROOT,
    )
    assert "opensearch 2.19.1 at https://" in done.stdout, done.stderr
