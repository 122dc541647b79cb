"""Proxies: named or of the environment, for http and https, with a password, and what fails."""

import asyncio
import re
import select
import socket
import socketserver
import ssl
import threading
import warnings
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
import trustme

from cluster import ClusterError, UnreachableError, connect
from cluster.access.proxy import proxy_to
from ingest import Reading, SourceError
from ingest.read.rows import Rows
from tests.servers.wrong import Reply, answering, cluster_like
from tests.support.commands import tandem
from tests.unit.cluster.access.test_certificates import WELL
from tests.unit.cluster.fakes import serving

SECRET = "hunter2"
# user:hunter2
AUTHORIZATION = b"proxy-authorization: basic dxnlcjpodw50zxiy"
NOT_HERE = "search.example"


def head_of(client):
    head = b""
    while b"\r\n\r\n" not in head and (piece := client.recv(65536)):
        head += piece
    return head


def tunnel(client, head):
    """Send on what a client sends, whatever host is asked for, and the answers back."""
    method, target, _ = head.split(b" ", 2)
    connects = method == b"CONNECT"
    place = target if connects else urlsplit(target).netloc
    with socket.create_connection(("127.0.0.1", int(place.rpartition(b":")[2])), 30) as host:
        if connects:
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            host.sendall(head.replace(b"http://" + place, b"", 1))
        while ready := select.select([client, host], [], [], 30)[0]:
            for one in ready:
                if not (piece := one.recv(65536)):
                    return
                (host if one is client else client).sendall(piece)


@contextmanager
def proxy(answer=None):
    """A proxy that sends all to this machine; yields (its host and port, the heads that came).

    answer: given by the proxy itself instead.
    """
    heads: list[bytes] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            head = head_of(self.request)
            heads.append(head)
            if answer:
                self.request.sendall(answer)
            elif head:
                tunnel(self.request, head)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads, server.block_on_close = True, False
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}", heads
        server.shutdown()
        thread.join(30)


@pytest.fixture(autouse=True)
def unset(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    """(context of a server, its authority's file)."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(NOT_HERE).configure_cert(context)
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return context, path


def elsewhere(url):
    """The address of a server as another machine's, which only the proxy knows."""
    return url.replace("127.0.0.1", NOT_HERE)


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("named", [False, True])
def test_requests_go_through_the_proxy(monkeypatch, secure, tls, named):
    context, ca_certs = secure if tls else (None, None)
    with serving(WELL, context) as (url, seen), proxy() as (place, heads):
        given = {"proxy": f"http://user:{SECRET}@{place}"} if named else {}
        if not named:
            name = "https_proxy" if tls else "http_proxy"
            monkeypatch.setenv(name, f"http://user:{SECRET}@{place}")
        with connect(elsewhere(url), ca_certs=ca_certs, **given) as cluster:
            assert SECRET not in repr(cluster.client)

            async def ask():
                client = cluster.async_client()
                try:
                    await client.info()
                finally:
                    await client.close()

            asyncio.run(ask())
    assert len(heads) >= 2
    assert all(AUTHORIZATION in head.lower() for head in heads)
    assert all(head.startswith(b"CONNECT") is tls for head in heads)
    # Through a tunnel the cluster never sees what the proxy was told.
    assert tls is not any("roxy-" in str(each.headers) for each in seen)


def test_the_environments_is_not_for_this_machine_nor_for_hosts_of_no_proxy(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "proxy.example:3128")
    for url, used in (
        ("https://search.example", "http://proxy.example:3128"),
        ("http://search.example:9200", "http://proxy.example:3128"),
        ("http://127.0.0.1:9200", None),
        ("http://localhost:9200", None),
        ("https://es.intern.example", None),
    ):
        monkeypatch.setenv("NO_PROXY", ".intern.example")
        found = proxy_to(urlsplit(url), None)
        assert (found.url if found else None) == used
    assert proxy_to(urlsplit("http://127.0.0.1:9200"), "http://p:1").url == "http://p:1"


def test_what_is_no_proxy_is_told_without_its_password(monkeypatch):
    for bad in (f"socks5://user:{SECRET}@p", f"http://user:{SECRET}@p:port", "http://"):
        with pytest.raises(ClusterError, match="is no URL of an HTTP proxy") as caught:
            connect("https://search.example", proxy=bad)
        assert SECRET not in str(caught.value)
        monkeypatch.setenv("HTTPS_PROXY", bad)
        with pytest.raises(ClusterError, match="HTTPS_PROXY in the environment"):
            connect("https://search.example")


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 407 Who?\r\ncontent-length: 0\r\n\r\n", "wants to know who you are"),
        (b"HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n", None),
        (
            b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>",
            None,
        ),
        (
            b"HTTP/1.1 301 Moved\r\nlocation: http://login.example/?t=hunter2\r\n"
            b"content-length: 0\r\n\r\n",
            None,
        ),
    ],
)
def test_a_proxy_that_refuses_is_one_sentence(answer, said, tls, secure):
    url = f"{'https' if tls else 'http'}://{NOT_HERE}:9200"
    with proxy(answer) as (place, _), pytest.raises(ClusterError) as caught:
        connect(url, proxy=f"http://user:{SECRET}@{place}", timeout=20)
    text = str(caught.value)
    assert SECRET not in text
    assert "\n" not in text
    assert said is None or f"the proxy http://{place} {said}" in text
    assert url in text or place in text


def test_a_proxy_that_is_not_there():
    for url in ("http://search.example", "https://search.example"):
        with pytest.raises(UnreachableError, match=r"the proxy http://127\.0\.0\.1:1 cannot be re"):
            connect(url, proxy="http://127.0.0.1:1")


def test_the_command_line_takes_a_password_from_the_environment_alone():
    words = "index", "list", "--url", "http://search.example:1"
    done = tandem(*words, "--proxy", f"http://user:{SECRET}@127.0.0.1:1")
    assert (done.code, "put it into TANDEM_PROXY" in done.err) == (2, True)
    assert SECRET not in done.err
    done = tandem(*words, TANDEM_PROXY=f"http://user:{SECRET}@127.0.0.1:1")
    assert (done.code, "the proxy http://127.0.0.1:1 cannot be reached" in done.err) == (1, True)
    assert SECRET not in done.err


PAGE = b"<html><body>Please log in</body></html>"


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(PAGE, kind="text/html"), "does not answer as|gives no such answer"),
        (Reply(PAGE, 502, "text/html"), "HTTP 502: "),
        (Reply(b"", 503), "HTTP 503: "),
        (Reply({}, 301, headers={"location": "https://login.example/?t=x"}), "sends on to"),
        (Reply(PAGE, 413, "text/html"), "takes no request of this size .HTTP 413.: have"),
        (Reply({"error": {"type": "security_exception", "reason": None}}, 403), "forbids this to"),
    ],
)
def test_what_stands_before_a_cluster_is_one_sentence_and_exit_1(reply, said):
    with answering(cluster_like(lambda asked: reply)) as (url, _):
        done = tandem("index", "list", "--url", url, "--timeout", 20)
    assert done.code == 1
    assert done.out == ""
    assert re.search(said, done.err), done.err
    assert done.err.startswith("Error: ")
    assert not re.search(r"[(:] ?[).]|None", done.err), done.err


@pytest.mark.parametrize("named", [True, False])
def test_a_proxys_password_over_plain_http_to_another_machine_warns_once(monkeypatch, named):
    proxy = f"http://user:{SECRET}@192.0.2.1:3128"
    given = {"proxy": proxy} if named else {}
    monkeypatch.setenv("ALL_PROXY", "" if named else proxy)
    said = r"^the proxy's password for http://192\.0\.2\.1:3128 goes over plain http"
    with pytest.warns(UserWarning, match=said) as told, pytest.raises(ClusterError):
        connect("https://search.example", timeout=0.1, **given)
    assert [each.filename for each in told] == [__file__]
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.warns(UserWarning, match=said) as told, pytest.raises(SourceError):
        Rows("https://search.example/a.csv", Reading())
    assert len(told) == 1


@pytest.mark.parametrize("proxy", [f"http://user:{SECRET}@127.0.0.1:1", "http://192.0.2.1:1"])
def test_a_proxy_on_this_machine_or_without_a_password_does_not_warn(proxy):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ClusterError):
            connect("https://search.example", timeout=0.1, proxy=proxy)
