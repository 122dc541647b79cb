"""A proxy before a real cluster that does to chosen requests what networks do."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

# Given the number of a bulk request from 0: None to pass it on; a status to answer without passing
# it on; "drop" to close the connection without passing it on; "lose" to pass it on and close the
# connection instead of answering; "stall" to pass it on and answer only when nobody listens.
Plan = Callable[[int], "int | str | None"]
STALL_SECONDS = 8.0


class FlakyProxy:
    """Forwards to `url`; bulk requests suffer what `plan` says.

    everything: whatever follows the first bulk request suffers it too, and counts; passed: called
    with the path and the body of each request that the cluster carried out, before its answer.
    """

    def __init__(
        self,
        url: str,
        plan: Plan,
        *,
        everything: bool = False,
        passed: Callable[[str, bytes], None] = lambda path, body: None,
    ) -> None:
        self._target = urlsplit(url)
        self._plan, self._everything, self._passed = plan, everything, passed
        self._lock = threading.Lock()
        self.bulks = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> FlakyProxy:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(timeout=60)
        self._server.server_close()

    def _fault(self, path: str) -> int | str | None:
        if "_bulk" not in path and not (self._everything and self.bulks):
            return None
        with self._lock:
            number, self.bulks = self.bulks, self.bulks + 1
        return self._plan(number)

    def _forward(self, method: str, path: str, body: bytes, kind: str) -> tuple[int, str, bytes]:
        connection = http.client.HTTPConnection(
            self._target.hostname, self._target.port, timeout=60
        )
        try:
            connection.request(method, path, body, {"content-type": kind})
            answer = connection.getresponse()
            return answer.status, answer.getheader("content-type") or "", answer.read()
        finally:
            connection.close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                kind = self.headers.get("content-type") or "application/json"
                fault = proxy._fault(self.path)
                if isinstance(fault, int):
                    self._answer(fault, "application/json", b'{"error": "made up"}')
                    return
                if fault == "drop":
                    self._hang_up()
                    return
                answer = proxy._forward(self.command, self.path, body, kind)
                proxy._passed(self.path.partition("?")[0], body)
                if fault is None:
                    self._answer(*answer)
                    return
                if fault == "stall":
                    time.sleep(STALL_SECONDS)
                self._hang_up()

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _any  # noqa: N815

            def _hang_up(self) -> None:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)

            def _answer(self, status: int, kind: str, data: bytes) -> None:
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
