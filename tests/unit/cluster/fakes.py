"""Small real things: a server that gives prepared answers, and programs that talk like java."""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        asked = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answers = self.server.answers
        answer = answers.get(self.path.split("?")[0], answers.get("*", (404, "not found")))
        status, body = answer(asked) if callable(answer) else answer
        self.server.seen.append((self.path, dict(self.headers)))
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = "application/json" if not isinstance(body, str | bytes) else "text/plain"
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_PUT = do_GET  # noqa: N815 - names that http.server asks for

    def log_message(self, *words):
        pass


@contextlib.contextmanager
def serving(answers, context=None):
    """A server on loopback: path -> (status, body), or what makes it of a body;
    "*" for all other paths; context: of TLS. Yields (url, seen)."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.answers, server.seen = answers, []
    if context:
        # The handshake is of each connection's thread, which one that fails must not end.
        server.socket = context.wrap_socket(server.socket, True, do_handshake_on_connect=False)
        server.handle_error = lambda *words: None
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        scheme = "https" if context else "http"
        yield f"{scheme}://127.0.0.1:{server.server_address[1]}", server.seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def error(kind, reason, status):
    """An error body as OpenSearch writes it."""
    cause = {"type": kind, "reason": reason}
    return (status, {"error": {"root_cause": [cause], **cause}, "status": status})


def fake_java(home, version, modules):
    """A program that answers -version and --list-modules as a Java does."""
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    listed = "\n".join(f"{module}@{version}" for module in modules)
    program.write_text(
        f"""#!/bin/sh
case "$1" in
-version) echo 'openjdk version "{version}" 2026-04-21' >&2 ;;
--list-modules) cat <<END
{listed}
END
;;
*) exit 1 ;;
esac
"""
    )
    program.chmod(0o755)
    return home
