"""A running `tandem serve`, and a browser for its page."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from typing import Any

import httpx

from tests.support.commands import ROOT

MODEL = "sentence-transformers/all-MiniLM-L6-v2"
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


class Served:
    """A running service."""

    def __init__(self, url: str, *words: str, **environ: str) -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("TANDEM_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tandem", "serve", "--port", "0", "--model", MODEL, *words],
            cwd=ROOT,
            env={**kept, "TANDEM_URL": url, **environ},
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said: list[str] = []
        for line in self.process.stderr:
            self.said.append(line)
            if "listens at" in line:
                break
        else:
            raise AssertionError("".join(self.said))
        self.url = self.said[-1].split()[-1]
        self._reader = threading.Thread(target=lambda: self.said.extend(self.process.stderr))
        self._reader.start()

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
        code = self.process.wait(timeout=60)
        self._reader.join(timeout=60)
        self.process.stderr.close()
        return code


def browser() -> str:
    """A headless browser of this machine, installed where there is none and we may."""
    if found := _found():
        return found
    package = BROWSERS[0]
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {"check": False, "stdout": subprocess.DEVNULL}
        subprocess.run(["apt-get", "update", "-qq"], **quiet)
        words = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package]
        subprocess.run(words, **quiet)
    if found := _found():
        return found
    raise RuntimeError(f"the page's tests need a browser: install {' or '.join(BROWSERS)}")


def _found() -> str | None:
    return next(filter(None, map(shutil.which, BROWSERS)), None)
