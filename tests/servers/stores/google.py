"""Google's interface of a store on loopback, and where its clients look for it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.request import Request, urlopen

from gcp_storage_emulator.handlers import buckets
from gcp_storage_emulator.server import RequestHandler
from gcp_storage_emulator.storage import Storage

ROOT = Path(__file__).resolve().parents[3]
SECONDS = 120


class _Quiet(RequestHandler):  # type: ignore[misc]
    """Says nothing of readers that go away."""

    def handle(self) -> None:
        with suppress(ConnectionError):
            super().handle()


@contextmanager
def google_store(folder: Path, bucket: str, files: dict[str, bytes]) -> Iterator[dict[str, str]]:
    """Serves the files by key in the bucket; gives the variables that let clients find it."""
    told = folder / "port"
    # In a process of its own: pyarrow keeps this one's Python waiting until it is answered.
    command = [sys.executable, "-m", "tests.servers.stores.google", str(told), bucket]
    with subprocess.Popen(command, cwd=ROOT) as running:
        try:
            deadline = time.monotonic() + SECONDS
            while not (told.exists() and told.read_text().endswith("\n")):
                if running.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("the store did not start")
                time.sleep(0.05)
            place = f"127.0.0.1:{told.read_text().strip()}"
            for key, data in files.items():
                at = f"http://{place}/upload/storage/v1/b/{bucket}/o?uploadType=media&name={key}"
                headers = {"Content-Type": "application/octet-stream"}
                urlopen(Request(at, data, headers), timeout=SECONDS).close()
            yield {"CLOUD_STORAGE_EMULATOR_ENDPOINT": f"http://{place}"}
        finally:
            running.kill()


def _serve(told: Path, bucket: str) -> None:
    storage = Storage(use_memory_fs=True)
    buckets.create_bucket(bucket, storage)
    # The emulator's own server answers one request at a time, and a reader may have two.
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, storage))
    server.daemon_threads = True
    told.write_text(f"{server.server_port}\n")
    server.serve_forever()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), sys.argv[2])
