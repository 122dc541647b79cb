"""A plain web server of files that drops connections, redirects, and asks who is there."""

from __future__ import annotations

import base64
import re
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    web: WebServer


@dataclass
class WebServer:
    """Serves `files` by path; what each answer suffers is told beside it.

    parts: whether it answers a Range; drops: so many answers break off after `broken_off` bytes;
    heads: whether it answers HEAD; sized: whether it says how long a file is; redirects: path ->
    where to; password: of the user `reader`, without whom it answers 401; tls: of
    https.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    parts: bool = True
    drops: int = 0
    broken_off: int = 1000
    heads: bool = True
    sized: bool = True
    redirects: dict[str, str] = field(default_factory=dict)
    password: str | None = None
    tls: ssl.SSLContext | None = None
    # (method, path, Range, Authorization) of each request.
    asked: list[tuple[str, str, str | None, str | None]] = field(default_factory=list)
    versions: int = 1

    def __enter__(self) -> WebServer:
        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.web = self
        if self.tls:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.place = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http{'s' if self.tls else ''}://{self.place}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(30)
        self._server.server_close()


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: _Server
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        if self.server.web.heads:
            self._answer(body=False)
        else:
            self._empty(403)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _empty(self, status: int, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (("content-length", "0"), *headers):
            self.send_header(name, value)
        self.end_headers()

    def _answer(self, *, body: bool) -> None:
        path = self.path.partition("?")[0]
        said = self.headers["authorization"]
        self.server.web.asked.append((self.command, self.path, self.headers["range"], said))
        if path in self.server.web.redirects:
            self._empty(302, ("location", self.server.web.redirects[path]))
            return
        if self.server.web.password is not None:
            right = base64.b64encode(f"reader:{self.server.web.password}".encode()).decode()
            if said != f"Basic {right}":
                self._empty(401)
                return
        if path not in self.server.web.files:
            self._empty(404)
            return
        self._send(self.server.web.files[path], body=body)

    def _send(self, data: bytes, *, body: bool) -> None:
        part = _RANGE.fullmatch(self.headers["range"] or "") if self.server.web.parts else None
        start = int(part[1]) if part else 0
        end = min(int(part[2]) + 1 if part and part[2] else len(data), len(data))
        self.send_response(206 if part else 200)
        self.send_header("etag", f'"{self.server.web.versions}"')
        if part:
            self.send_header("content-range", f"bytes {start}-{end - 1}/{len(data)}")
        if self.server.web.sized:
            self.send_header("content-length", str(end - start))
        else:
            self.send_header("connection", "close")
            self.close_connection = True
        self.end_headers()
        if not body:
            return
        sent = data[start:end]
        if self.server.web.drops and len(sent) > self.server.web.broken_off:
            self.server.web.drops -= 1
            sent = sent[: self.server.web.broken_off]
            self.close_connection = True
        self.wfile.write(sent)

    def log_message(self, format: str, *args: object) -> None:
        pass
