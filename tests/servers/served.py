"""A running `tandem serve`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from tests.support.commands import ROOT

MODEL = "sentence-transformers/all-MiniLM-L6-v2"
# It loads a model, on a machine where others may do the same.
START_SECONDS = 300


class Served:
    """A running service; its log is a file, so that nobody has to read along."""

    def __init__(self, url: str, *words: str, **environ: str) -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("TANDEM_")}
        self._log = tempfile.NamedTemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        self._ended: list[str] | None = None
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tandem", "serve", "--port", "0", "--model", MODEL, *words],
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT), **kept, "TANDEM_URL": url, **environ},
            stderr=self._log,
        )
        self.url = self._listening()

    def _listening(self) -> str:
        ending = time.monotonic() + START_SECONDS
        while time.monotonic() < ending and self.process.poll() is None:
            if found := [each for each in self.said if "listens at" in each]:
                return found[0].split()[-1]
            time.sleep(0.05)
        self._end()
        raise AssertionError(f"the service did not start: {''.join(self.said)}")

    @property
    def said(self) -> list[str]:
        """The lines of its log so far."""
        if self._ended is not None:
            return self._ended
        return Path(self._log.name).read_text("utf-8").splitlines(keepends=True)

    def asked(
        self, method: str, path: str, key: str | None = None, **options: Any
    ) -> httpx.Response:
        """One request, with a key where one is given."""
        headers = {
            **options.pop("headers", {}),
            **({"Authorization": f"Bearer {key}"} if key else {}),
        }
        return httpx.request(method, self.url + path, headers=headers, timeout=100, **options)

    def close(self) -> int:
        """End it in order, and give its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=60)
        finally:
            self._end()

    def _end(self) -> None:
        self.process.kill()  # nothing, where it ended
        self.process.wait(timeout=60)
        self._ended = self.said
        self._log.close()


def problem(answer: httpx.Response, status: int) -> str:
    """The one sentence of an answer that must be a problem of this status."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json()
    assert found["status"] == status
    assert "\n" not in found["detail"]
    return found["detail"]
