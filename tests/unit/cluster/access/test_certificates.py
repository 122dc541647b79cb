"""TLS on both sides: what certificates are believed, and the one that says who we are."""

import asyncio
import datetime
import re
import ssl

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from cluster import ClusterError, UnreachableError, connect
from tests.servers.wrong import ROOT
from tests.support.commands import tandem
from tests.unit.cluster.fakes import serving

WELL = {"/": (200, ROOT), "/_cat/plugins": (200, [{"component": "opensearch-knn"}]), "*": (200, {})}
YESTERDAY = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_certs(authority, tmp_path_factory):
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture(scope="module")
def ours(authority, tmp_path_factory):
    """(certificate, key, encrypted key, both in one file) of a client."""
    folder = tmp_path_factory.mktemp("ours")
    made = authority.issue_cert("loader@example.com")
    cert, key, locked, both = (folder / name for name in ("cert", "key", "locked", "both"))
    cert.write_bytes(b"".join(each.bytes() for each in made.cert_chain_pems))
    key.write_bytes(made.private_key_pem.bytes())
    loaded = load_pem_private_key(made.private_key_pem.bytes(), None)
    for path, kept in ((locked, BestAvailableEncryption(b"hunter2")), (both, NoEncryption())):
        path.write_bytes(loaded.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, kept))
    both.write_bytes(cert.read_bytes() + both.read_bytes())
    return cert, key, locked, both


def server(made, wants=None):
    """A context of a server; wants: the authority whose certificates clients must have."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.configure_cert(context)
    if wants:
        wants.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def refusal(url, **options):
    with pytest.raises(UnreachableError) as caught:
        connect(url, **options)
    assert url in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_certificate_of_the_authority(authority, ca_certs):
    with serving(WELL, server(authority.issue_cert("127.0.0.1"))) as (url, _):
        connect(url, ca_certs=ca_certs).close()
        assert "authority that this machine does not trust" in refusal(url)


def test_one_that_has_expired(authority, ca_certs):
    made = authority.issue_cert("127.0.0.1", not_after=YESTERDAY)
    with serving(WELL, server(made)) as (url, _):
        assert "has expired: renew it" in refusal(url, ca_certs=ca_certs)
        done = tandem("doctor", "--url", url, "--ca-certs", ca_certs, columns=400)
        assert (done.code, "has expired: renew it" in done.out) == (1, True)


@pytest.fixture
def itself(tmp_path):
    """A server whose certificate signed itself."""
    alone, own = trustme.CA(), tmp_path / "own.pem"
    own.write_bytes(alone.private_key_pem.bytes() + alone.cert_pem.bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own)
    return context


def test_one_that_signed_itself_and_one_of_a_foreign_authority(ca_certs, itself):
    for made in (itself, server(trustme.CA().issue_cert("127.0.0.1"))):
        with serving(WELL, made) as (url, _):
            assert "name its PEM file with `ca_certs`" in refusal(url, ca_certs=ca_certs)


def test_each_is_one_sentence_of_every_command_and_exit_1(authority, ca_certs, itself):
    alone = trustme.CA()
    foreign, good = (server(each.issue_cert("127.0.0.1")) for each in (alone, authority))
    expired = server(authority.issue_cert("127.0.0.1", not_after=YESTERDAY))
    for made, http, said in (
        (expired, "https", "has expired: renew it"),
        (foreign, "https", "name its PEM file with --ca-certs"),
        (itself, "https", "name its PEM file with --ca-certs"),
        (good, "http", "write https://"),
        (None, "https", "write http://"),
    ):
        with serving(WELL, made) as (url, _):
            asked = f"{http}://{url.partition('://')[2]}"
            trust = ("--ca-certs", ca_certs) if http == "https" else ()
            done = tandem("index", "list", "--url", asked, *trust)
        assert (done.code, done.out, said in done.err) == (1, "", True), done.err
        assert re.fullmatch(r"Error: [^\n]+\.", done.err), done.err


def test_one_for_another_host(authority, ca_certs):
    with serving(WELL, server(authority.issue_cert("search.example"))) as (url, _):
        assert "is for another host name" in refusal(url, ca_certs=ca_certs)


def test_http_where_tls_is_expected_and_the_reverse(authority, ca_certs):
    with serving(WELL, server(authority.issue_cert("127.0.0.1"))) as (url, _):
        plain = url.replace("https", "http")
        assert "write https://" in refusal(plain)
    with serving(WELL) as (url, _):
        secure = url.replace("http", "https")
        assert "write http://" in refusal(secure, ca_certs=ca_certs)


def test_a_certificate_of_ours_with_its_key_beside_it_within_it_and_locked(
    authority, ca_certs, ours
):
    cert, key, locked, both = ours
    with serving(WELL, server(authority.issue_cert("127.0.0.1"), authority)) as (url, _):
        for given in (
            {"client_cert": cert, "client_key": key},
            {"client_cert": str(both)},
            {"client_cert": cert, "client_key": locked, "client_key_password": "hunter2"},
        ):
            with connect(url, ca_certs=ca_certs, **given) as cluster:

                async def ask(cluster=cluster):
                    client = cluster.async_client()
                    try:
                        return await client.info()
                    finally:
                        await client.close()

                assert asyncio.run(ask()) == ROOT
        words = "index", "list", "--url", url, "--ca-certs", ca_certs, "--client-cert", cert
        assert tandem(*words, "--client-key", key).code == 0
        done = tandem(*words, "--client-key", locked)
        assert (done.code, "TANDEM_CLIENT_KEY_PASSWORD" in done.err) == (1, True)
        done = tandem(*words, "--client-key", locked, TANDEM_CLIENT_KEY_PASSWORD="hunter2")
        assert done.code == 0


def test_a_server_that_wants_one_and_a_server_that_wants_another(authority, ca_certs, tmp_path):
    cert, key = tmp_path / "cert", tmp_path / "key"
    made = trustme.CA().issue_cert("stranger@example.com")
    made.cert_chain_pems[0].write_to_path(str(cert))
    made.private_key_pem.write_to_path(str(key))
    given = {"ca_certs": ca_certs, "client_cert": cert, "client_key": key}
    wanting = server(authority.issue_cert("127.0.0.1"), authority)
    with serving(WELL, wanting) as (url, _):  # TLS 1.3: it may hang up before its reason is read
        for options in ({"ca_certs": ca_certs}, given):
            assert "`client_cert`" in refusal(url, **options)
    wanting = server(authority.issue_cert("127.0.0.1"), authority)
    wanting.maximum_version = ssl.TLSVersion.TLSv1_2
    with serving(WELL, wanting) as (url, _):
        assert "`client_cert`" in refusal(url, ca_certs=ca_certs)
        assert "does not accept your certificate" in refusal(url, **given)


def test_files_that_do_not_do(ours, tmp_path):
    cert, key, locked, _ = ours
    other, text = tmp_path / "other", tmp_path / "text"
    trustme.CA().issue_cert("x@example.com").private_key_pem.write_to_path(str(other))
    text.write_text("nothing of the kind")
    for given, said in (
        ({"client_cert": tmp_path / "none"}, "cannot be read: No such file"),
        ({"client_cert": text}, "are no certificate and key in PEM form"),
        ({"client_cert": cert}, "are no certificate and key in PEM form"),
        ({"client_cert": cert, "client_key": other}, "is not that of the certificate in"),
        ({"client_cert": cert, "client_key": locked}, "is encrypted: give its password in"),
        (
            {"client_cert": cert, "client_key": locked, "client_key_password": "x"},
            "the password does not open the key in",
        ),
        ({"client_key": key}, "without its certificate: name it with `client_cert`"),
    ):
        with pytest.raises(ClusterError, match=f"^(?!.*hunter2).*{said}"):
            connect("https://127.0.0.1:1", **given)
