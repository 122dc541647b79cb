"""A small server that answers as it is told to, where no real one errs."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ROOT = {
    "version": {"number": "3.6.0", "distribution": "opensearch"},
    "tagline": "The OpenSearch Project: https://opensearch.org/",
}


@dataclass
class Reply:
    """An answer: a value as JSON, bytes as they are, or pieces that are sent one by one.

    raw: the pieces are the head too; kind: of the content.
    """

    body: Any
    status: int = 200
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bool = False


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


Answerer = Callable[[Asked], Reply]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body in one packet: of two, the second waits until the first is acknowledged.
    wbufsize = -1
    server: Any

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        asked = Asked(self.command, self.path, dict(self.headers), body)
        self.server.seen.append(asked)
        with contextlib.suppress(OSError):  # the client may have left
            self._send(self.server.answer(asked))

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _any  # noqa: N815 - http.server's names

    def _send(self, reply: Reply) -> None:
        pieces = isinstance(reply.body, Iterable) and not isinstance(reply.body, str | bytes | dict)
        pieces = pieces and not isinstance(reply.body, list)
        body = reply.body if pieces or isinstance(reply.body, bytes) else _json(reply.body)
        if not reply.raw:
            self.send_response(reply.status)
            self.send_header("content-type", reply.kind)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if not pieces:
                self.send_header("content-length", str(len(body)))
            self.end_headers()
        self.close_connection |= pieces
        for piece in body if pieces else (body,):
            self.wfile.write(piece)
            self.wfile.flush()

    def log_message(self, *_: object) -> None:
        pass


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def drops(first: bytes) -> Iterator[bytes]:
    """Pieces of an answer that then goes on for a minute, a byte at a time."""
    yield first
    for _ in range(600):
        yield b"a"
        time.sleep(0.1)


def cluster_like(answer: Answerer) -> Answerer:
    """Say what a cluster is, as one does, and leave the rest to `answer`."""

    def reply(asked: Asked) -> Reply:
        path = asked.path.partition("?")[0]
        if path == "/":
            return Reply(ROOT)
        if path.startswith("/_cat/plugins"):
            return Reply([{"component": "opensearch-knn"}])
        if path == "/_nodes/http" and "publish_address" in asked.path:
            return Reply({})
        return answer(asked)

    return reply


@contextlib.contextmanager
def answering(
    answer: Answerer, context: ssl.SSLContext | None = None
) -> Iterator[tuple[str, list[Asked]]]:
    """Serve on loopback, by TLS where a context is given; yields (url, the requests that came)."""
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    if context is not None:
        # The handshake is of each connection's thread, which one that fails must not end.
        server.socket = context.wrap_socket(server.socket, True, do_handshake_on_connect=False)
        server.handle_error = lambda *words: None
    server.daemon_threads = True
    server.answer, server.seen = answer, []
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        scheme = "https" if context else "http"
        yield f"{scheme}://127.0.0.1:{server.server_port}", server.seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=60)
