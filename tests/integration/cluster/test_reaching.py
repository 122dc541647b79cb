"""Every way to a real cluster carries all work: token, certificate, path prefix, signature."""

import asyncio
import base64
import datetime
import hashlib
import hmac
import json
import time
from dataclasses import replace

import pytest
import urllib3
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from cluster import AccessError, UnreachableError, connect
from ingest import (
    adopt_index,
    delete_index,
    describe_index,
    enrich,
    ingest,
    list_indexes,
    remove,
    switch_alias,
)
from mappings import Fusion
from query import (
    AsyncSearcher,
    Searcher,
    SearchSettings,
    put_pipeline,
    put_search_settings,
    remove_search_settings,
)
from tests.integration.ingest.existing.books import BOOKS, make_index
from tests.servers.distributions import STORE_PASSWORD
from tests.servers.wrong import Reply, answering
from tests.support.commands import tandem
from tests.support.loads import documents, stored
from tests.support.stubs import StubEncoder
from tests.unit.cluster.access.amazon import ENVIRON, checking

pytestmark = pytest.mark.long

TEXTS = {"headline": {"type": "text"}, "body": {"type": "text"}}
COUNT = 60


def everything(cluster, name):
    """All that commands do with a cluster."""
    stub = StubEncoder()
    given = {"cluster": cluster, "encoder": stub}
    assert ingest(documents(COUNT), index=name, **given).written == COUNT
    assert ingest(documents(COUNT + 1), index=name, **given).skipped == COUNT
    live = ingest(documents(3), alias=f"{name}-live", **given).index
    switch_alias(cluster, f"{name}-live", live)
    delete_index(cluster, live, with_alias=f"{name}-live")
    with Searcher(cluster, name, encoder=stub) as searcher:
        for mode in ("bm25", "knn", "hybrid"):
            assert searcher.search("word49", mode=mode).hits
        assert [each.error for each in searcher.search_many([(1, "word7"), (2, "x")])] == [None] * 2
    assert asyncio.run(found(cluster, name)) == ["d7"]
    assert put_search_settings(cluster, name, SearchSettings(depth=20))
    assert remove_search_settings(cluster, name)
    put_pipeline(cluster, f"{name}-pipe", Fusion())
    path = f"/_search/pipeline/{name}-pipe"
    cluster.client.transport.perform_request("DELETE", path)
    make_index(cluster, f"{name}-old", TEXTS, BOOKS)
    assert enrich(cluster, f"{name}-old", stub, text_field="body").written == len(BOOKS)
    assert adopt_index(cluster, f"{name}-old", stub).fit.fits
    make_index(cluster, f"{name}-plain", TEXTS, BOOKS, knn=False)
    copied = enrich(cluster, f"{name}-plain", stub, text_field="body", copy_to=f"{name}-copy")
    assert copied.written == len(BOOKS)
    assert remove(cluster, name, ids=["d7"]).documents == 1
    assert describe_index(cluster, name)["documents"] == COUNT
    names = {row["index"] for row in list_indexes(cluster, f"{name}*")}
    assert names == {name, f"{name}-old", f"{name}-copy"}


async def found(cluster, name):
    async with AsyncSearcher(cluster, name) as searcher:
        return [hit.id for hit in await searcher.search("word49", mode="bm25")]


def on_the_command_line(*words, index, **environ):
    """Exit code 0, and the index is there; what `doctor` reaches by the same options."""
    done = tandem("index", "list", f"{index}*", *words, **environ)
    assert (done.code, index in done.out) == (0, True), done.err
    done = tandem("doctor", *words, columns=300, **environ)
    assert " at http" in done.out, done.err


def token(server, *, lasts=3600):
    """A JSON Web Token of ann, who has the role of admins (RFC 7519)."""

    def part(value):
        return base64.urlsafe_b64encode(value).rstrip(b"=")

    claims = {"sub": "ann", "roles": "admin", "exp": int(time.time()) + lasts}
    said = b".".join(part(json.dumps(e).encode()) for e in ({"alg": "HS256", "typ": "JWT"}, claims))
    return (said + b"." + part(hmac.digest(server.token_key, said, hashlib.sha256))).decode()


def test_a_bearer_token(secured_server, secured, index_name):
    given = {"user": None, "password": None}
    with secured_server.connect(bearer_token=token(secured_server), **given) as cluster:
        everything(cluster, index_name)
    words = "--url", secured_server.url, "--ca-certs", secured_server.ca_certs
    environ = {"TANDEM_BEARER_TOKEN": token(secured_server)}
    on_the_command_line(*words, index=index_name, **environ)
    old = token(secured_server, lasts=-600)
    with pytest.raises(AccessError, match="bearer token, which may have expired: give a new one"):
        secured_server.connect(bearer_token=old, **given)
    done = tandem("index", "list", *words, TANDEM_BEARER_TOKEN=old)
    assert (done.code, "TANDEM_BEARER_TOKEN or --bearer-token-file" in done.err) == (1, True)


def certificate(server, folder, *, signed=True):
    """(certificate, key) of loader, of the organizational unit of admins."""
    store = (server.distribution() / "config" / "ca.p12").read_bytes()
    ca_key, ca, _ = pkcs12.load_key_and_certificates(store, STORE_PASSWORD.encode())
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    names = x509.oid.NameOID.COMMON_NAME, x509.oid.NameOID.ORGANIZATIONAL_UNIT_NAME
    who = zip(names, ("loader", "admin"), strict=True)
    subject = x509.Name([x509.NameAttribute(name, value) for name, value in who])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(ca.subject if signed else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(ca_key if signed else key, hashes.SHA256())
    )
    cert, kept = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(made.public_bytes(Encoding.PEM))
    kept.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return cert, kept


def test_a_client_certificate(secured_server, secured, index_name, tmp_path):
    cert, key = certificate(secured_server, tmp_path)
    given = {"user": None, "password": None, "client_cert": cert, "client_key": key}
    with secured_server.connect(**given) as cluster:
        everything(cluster, index_name)
    words = "--url", secured_server.url, "--ca-certs", secured_server.ca_certs
    on_the_command_line(*words, "--client-cert", cert, "--client-key", key, index=index_name)
    certificate(secured_server, tmp_path, signed=False)
    with pytest.raises(UnreachableError, match="`client_cert`"):
        secured_server.connect(**given)


KEPT = ("accept", "accept-encoding", "content-encoding", "content-type")


def passing(url, prefix=""):
    """Pass on what comes under a path prefix to a real node, without the prefix."""
    pool = urllib3.PoolManager(retries=False)

    def reply(asked):
        if not asked.path.startswith(prefix):
            return Reply(b"<html>no such page</html>", status=404, kind="text/html")
        headers = {name.lower(): value for name, value in asked.headers.items()}
        answer = pool.request(
            asked.method,
            url + asked.path.removeprefix(prefix),
            body=asked.body,
            headers={name: headers[name] for name in KEPT if name in headers},
            redirect=False,
            decode_content=False,
            timeout=120,
        )
        shown = {n: v for n, v in answer.headers.items() if n.lower() == "content-encoding"}
        kind = answer.headers.get("content-type", "text/plain")
        return Reply(answer.data, answer.status, kind, shown)

    return reply


def test_a_path_prefix(opensearch_server, opensearch, index_name):
    with answering(passing(opensearch_server.url, "/search/v1")) as (origin, seen):
        url = f"{origin}/search/v1"
        with connect(url, timeout=120) as cluster:
            assert cluster.client.transport.hosts[0]["url_prefix"] == "search/v1"
            everything(cluster, index_name)
        on_the_command_line("--url", f"{url}/", index=index_name)
        assert all(asked.path.startswith("/search/v1/") for asked in seen)
        done = tandem("index", "list", "--url", f"{origin}/elsewhere")
        assert (done.code, f"{origin}/elsewhere" in done.err) == (1, True)


def test_signed_requests_reach_a_real_node(opensearch_server, opensearch, index_name, monkeypatch):
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    signed = {"aws": "es", "aws_region": "eu-west-1", "timeout": 120}
    answer = checking(passing(opensearch_server.url), "es")
    with answering(answer) as (url, seen):
        with connect(url, **signed, compress=True) as cluster:
            everything(cluster, index_name)
        assert any("_bulk" in asked.path for asked in seen)
        words = "--url", url, "--aws", "es", "--aws-region", "eu-west-1"
        on_the_command_line(*words, index=index_name, **ENVIRON)

    def tampered(asked):
        changed = asked.body.replace(b"Document number", b"Document nummer")
        return answer(replace(asked, body=changed))

    bad = {"index": f"{index_name}-bad", "encoder": StubEncoder()}
    with (
        answering(tampered) as (url, _),
        connect(url, **signed) as cluster,
        pytest.raises(AccessError, match="The request signature we calculated does not match"),
    ):
        ingest(documents(5), cluster=cluster, **bad)
    assert not opensearch.client.indices.exists(index=f"{index_name}-bad") or not stored(
        opensearch, f"{index_name}-bad"
    )
