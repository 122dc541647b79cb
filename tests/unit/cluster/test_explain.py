"""Every way in which reaching a cluster fails, for real on loopback, is one sentence."""

import asyncio
import re
import socket
import ssl
import subprocess
import threading
from contextlib import contextmanager, suppress

import pytest

from cluster import (
    AccessError,
    ClusterError,
    MissingIndexError,
    UnreachableError,
    connect,
)
from tests.unit.cluster.fakes import error, serving

ROOT = {"version": {"number": "3.6.0", "distribution": "opensearch"}, "tagline": "OpenSearch"}
PLUGINS = [{"component": "opensearch-knn"}]
WELL = {"/": (200, ROOT), "/_cat/plugins": (200, PLUGINS)}


def failure(url, **options):
    """The error of connect, checked to be one sentence that names the address."""
    with pytest.raises(ClusterError) as caught:
        connect(url, **options)
    said = str(caught.value)
    assert url in said
    one_sentence(said)
    return caught.value


def one_sentence(said):
    assert "\n" not in said
    assert said.endswith(".")
    assert "Exception" not in said
    assert ": " in said  # what happened: the cure


def answer_to(answers, call):
    """What explain makes of a call on a cluster that answers so."""
    with serving(WELL | answers) as (url, _), connect(url) as cluster:
        with pytest.raises(Exception) as caught:  # noqa: PT011 - explain takes whatever comes
            call(cluster.client)
        explained = cluster.explain(caught.value)
    one_sentence(str(explained))
    return explained


@contextmanager
def silent():
    """A listener that never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def talking(handle):
    """A listener whose first connection is given to `handle`."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            connection, _ = server.accept()
            with connection:
                handle(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


ES_INDEX = (
    "action [indices:admin/create] is unauthorized for user [loader] with effective roles [few] on "
    "indices [books], this action is granted by the index privileges [create_index,manage,all]"
)
ES_CLUSTER = (
    "action [cluster:monitor/health] is unauthorized for user [loader] with effective roles [few], "
    "this action is granted by the cluster privileges [monitor,manage,all]"
)
BOTH = "no permissions for [indices:data/write/bulk[s], indices:data/write/index] and User [name=x]"


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (ES_INDEX, "the index permission indices:admin/create .*create_index or manage or all"),
        (ES_CLUSTER, "the cluster permission cluster:monitor/health .*monitor or manage or all"),
        (BOTH, r"index permission indices:data/write/bulk\[s\] and indices:data/write/index on .*"),
        ("no permissions for [indices:data/read/mget]", "the cluster_permissions of a role"),
        ("no permissions for [indices:data/read/mget[shard]]", "the index_permissions of a role"),
        ("no permissions for [indices:admin/get]", r"that the user has \(few, own_index\)\.$"),
        ("", "forbids this to .*no reason given"),
    ],
)
def test_what_is_forbidden_is_told_with_its_level_and_our_roles(reason, said):
    refused = {"/books": (403, {"error": {"type": "security_exception", "reason": reason}})}
    refused["/_plugins/_security/authinfo"] = (200, {"roles": ["own_index", "few"]})
    refused["/books"] = refused["/books"] if reason else (403, {"error": {}})
    found = answer_to(refused, lambda client: client.indices.get(index="books"))
    assert isinstance(found, AccessError)
    assert re.search(said, str(found)), found


def test_nothing_listens():
    found = failure("http://127.0.0.1:1")
    assert isinstance(found, UnreachableError)
    assert "nothing listens at http://127.0.0.1:1: start the cluster" in str(found)


def test_an_unknown_host():
    assert "host name of" in str(failure("http://nonesuch.invalid:9200"))


def test_no_answer_in_time():
    with silent() as url:
        assert "`timeout`" in str(failure(url, timeout=0.3))


def test_tls_spoken_to_a_plain_port():
    with serving(WELL) as (url, _):
        assert "write http://" in str(failure(url.replace("http", "https")))


def test_plain_http_spoken_to_a_tls_port(certificate):
    def handle(connection):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        with pytest.raises(ssl.SSLError):
            context.wrap_socket(connection, server_side=True)

    with talking(handle) as port:
        assert "write https://" in str(failure(f"http://127.0.0.1:{port}"))


def test_a_connection_cut_off():
    with talking(lambda connection: connection.recv(10)) as port:
        assert "closed the connection" in str(failure(f"http://127.0.0.1:{port}"))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate with its key, for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("tls")
    subject = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    made = ("-keyout", folder / "key.pem", "-out", folder / "cert.pem")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject, *made]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not on this machine; the secured server's tests cover TLS")
    both = (folder / "cert.pem").read_text() + (folder / "key.pem").read_text()
    (folder / "both.pem").write_text(both)
    return folder / "both.pem"


def accept_tls(certificate):
    def handle(connection):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        with suppress(ssl.SSLError):
            context.wrap_socket(connection, server_side=True).close()

    return handle


def test_a_certificate_nobody_vouches_for(certificate):
    with talking(accept_tls(certificate)) as port:
        assert "`ca_certs`" in str(failure(f"https://127.0.0.1:{port}"))


def test_a_certificate_for_another_name(certificate):
    with talking(accept_tls(certificate)) as port:
        found = failure(f"https://localhost:{port}", ca_certs=certificate)
        assert "another host name" in str(found)


def test_what_is_no_cluster():
    with serving({"*": (200, b"<html>hello</html>")}) as (url, _):
        found = failure(url)
    assert isinstance(found, UnreachableError)
    assert "not as OpenSearch or Elasticsearch" in str(found)


def test_a_wrong_password_says_where_it_comes_from():
    with serving({"*": (401, b"Unauthorized")}) as (url, _):
        found = failure(url, user="ann", password="no")
    assert isinstance(found, AccessError)
    assert "user 'ann'" in str(found)
    assert "correct it in `password`" in str(found)
    assert "TANDEM" not in str(found)


def test_no_credentials_says_how_to_give_them():
    with serving({"*": (401, b"")}) as (url, _):
        assert "`user`" in str(failure(url))


def test_a_forbidden_action_names_the_permission():
    reason = "no permissions for [indices:data/write/bulk] and User [name=ann, roles=[]]"
    found = answer_to(
        {"*": error("security_exception", reason, 403)}, lambda c: c.search(index="books")
    )
    assert isinstance(found, AccessError)
    assert "indices:data/write/bulk" in str(found)


def test_a_missing_index_comes_with_close_names():
    answers = {
        "/boks/_search": error("index_not_found_exception", "no such index [boks]", 404),
        "/_aliases": (
            200,
            {"books": {"aliases": {}}, ".hidden": {"aliases": {}}, "x": {"aliases": {"box": {}}}},
        ),
    }
    found = answer_to(answers, lambda c: c.search(index="boks"))
    assert isinstance(found, MissingIndexError)
    assert "no index boks" in str(found)
    assert "did you mean books" in str(found)
    assert "make it with `ingest(source, index='boks')`" in str(found)


def test_a_missing_index_without_the_right_to_list():
    answers = {"*": error("index_not_found_exception", "no such index [boks]", 404)}
    assert "did you mean" not in str(answer_to(answers, lambda c: c.search(index="boks")))


@pytest.mark.parametrize(
    ("kind", "reason", "status", "said"),
    [
        ("rejected_execution_exception", "queue full", 429, "overloaded"),
        (
            "cluster_block_exception",
            "index [b] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage "
            "watermark, index has read-only-allow-delete block];",
            429,
            "free disk space",
        ),
        (
            "cluster_block_exception",
            "index [b] blocked by: [FORBIDDEN/8/index write (api)];",
            403,
            "FORBIDDEN/8/index write (api)",
        ),
        (
            "cluster_block_exception",
            "blocked by: [SERVICE_UNAVAILABLE/1/state not recovered / initialized];",
            503,
            "not ready yet",
        ),
        ("index_closed_exception", "closed", 400, "is closed: open it with `POST /NAME/_open`"),
        ("search_phase_execution_exception", "all shards failed", 503, "HTTP 503"),
        ("illegal_argument_exception", "k must be positive", 400, "k must be positive"),
        (
            "illegal_argument_exception",
            "Limit of total fields [3] has been exceeded",
            400,
            "raise index.mapping.total_fields.limit in its settings",
        ),
    ],
)
def test_what_a_cluster_answers(kind, reason, status, said):
    found = answer_to({"*": error(kind, reason, status)}, lambda c: c.search(index="b"))
    assert said in str(found)


def test_the_innermost_reason_of_a_bad_request_is_told():
    body = {
        "error": {
            "root_cause": [
                {"type": "parse", "reason": "outer", "caused_by": {"reason": "inner one"}}
            ],
            "type": "parse",
            "reason": "outer",
        }
    }
    assert "inner one" in str(answer_to({"*": (400, body)}, lambda c: c.search(index="b")))


def test_an_answer_that_is_no_json_is_told():
    found = answer_to({"*": (502, b"<html>Bad\ngateway</html>")}, lambda c: c.search(index="b"))
    assert "HTTP 502" in str(found)


def test_our_own_errors_pass_unchanged():
    ours = ClusterError("already a sentence.")
    with serving(WELL) as (url, _), connect(url) as cluster:
        assert cluster.explain(ours) is ours


def test_what_a_client_raises_comes_out_explained_and_all_else_as_it_is():
    answers = {"*": error("illegal_argument_exception", "k must be positive", 400)}
    with serving(WELL | answers) as (url, _), connect(url) as cluster:
        with pytest.raises(ClusterError, match="k must be positive"), cluster.explaining():
            cluster.client.search(index="b")
        ours = MissingIndexError("there is no index b", "make it")
        with pytest.raises(MissingIndexError) as caught, cluster.explaining():
            raise ours
        assert caught.value is ours
        with pytest.raises(KeyError), cluster.explaining():
            raise KeyError("a defect")


def test_the_async_client_has_the_same_credentials_and_sentences():
    with serving(WELL) as (url, seen), connect(url, user="ann", password="pw") as cluster:

        async def ask():
            client = cluster.async_client()
            try:
                await client.info()
            finally:
                await client.close()

        asyncio.run(ask())
        assert len({lowered(each.headers)["authorization"] for each in seen}) == 1
    with pytest.raises(Exception) as caught:  # noqa: PT011 - explain takes whatever comes
        asyncio.run(ask())
    said = str(cluster.explain(caught.value))
    assert "nothing listens" in said


def lowered(headers):
    return {name.lower(): value for name, value in headers.items()}
