"""The unpacked OpenSearch with its plugins: complete, or not there."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

from cluster.errors import DownloadError, NodeError
from cluster.node import artifacts, process
from cluster.node.artifacts import LOCALES, OPENSEARCH, PLUGINS, OnDownload
from cluster.node.home import Home
from cluster.node.java import Java
from tandem.base.process.children import environment

# Measured, with a margin: what the distribution and its plugins take once unpacked.
UNPACKED_BYTES = 350_000_000
LOCK_SECONDS = 1800.0
PLUGIN_SECONDS = 300


def installation(home: Home, java: Java, on_progress: OnDownload | None = None) -> Path:
    """Return the folder of the distribution for this Java, fetching and building it if need be.

    A Java without its own locale data gets a distribution with icu4j beside Lucene. Raises
    DownloadError and NodeError.
    """
    parts = (OPENSEARCH, *PLUGINS) if java.usable else (OPENSEARCH, *PLUGINS, *LOCALES)
    name = f"opensearch-{OPENSEARCH.version}" + ("" if java.usable else "-icu")
    target = home.distributions / name
    if target.is_dir():
        return target
    with process.hold(home.distributions / "lock", LOCK_SECONDS):
        if target.is_dir():  # the process that we waited for has built it
            return target
        for left in home.downloads.glob(f"{artifacts.PARTIAL}*"):  # of a run that was killed
            shutil.rmtree(left, ignore_errors=True)
        needed = artifacts.missing_bytes(parts, home.downloads) + UNPACKED_BYTES
        artifacts.check_space(home.distributions, needed, "the embedded OpenSearch node")
        files = [artifacts.fetch(part, home.downloads, on_progress) for part in parts]
        with building(target) as folder:
            unpack(files[0], folder)
            install_plugins(folder, files[1 : 1 + len(PLUGINS)], java)
            for jar in files[1 + len(PLUGINS) :]:
                shutil.copy(jar, folder / "lib")
    return target


class building:  # noqa: N801 - reads as a verb in a with statement
    """A temporary folder beside `target` that becomes `target` only if all went well."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __enter__(self) -> Path:
        """Make the folder, removing what an earlier, broken-off try has left."""
        parent = self.target.parent
        parent.mkdir(parents=True, exist_ok=True)
        for left in parent.glob(f".building-{self.target.name}-*"):
            shutil.rmtree(left, ignore_errors=True)
        self.folder = Path(tempfile.mkdtemp(prefix=f".building-{self.target.name}-", dir=parent))
        return self.folder

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Rename the folder, or remove it where the block has failed."""
        if kind is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            return
        make_readable(self.folder)
        os.replace(self.folder, self.target)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip without its top folder, keeping which files may be executed.

    Raises DownloadError for a file that is not a whole zip, or a name that leads out of `folder`.
    """
    try:
        with zipfile.ZipFile(archive) as source:
            for member in source.infolist():
                inner = Path(*Path(member.filename).parts[1:])
                if ".." in inner.parts:
                    raise DownloadError(
                        f"{archive} holds {member.filename!r}, which leads out of it."
                    )
                target = folder / inner
                if member.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                with source.open(member) as reader, target.open("wb") as writer:
                    shutil.copyfileobj(reader, writer, 1 << 20)
                target.chmod(0o755 if member.external_attr >> 16 & 0o111 else 0o644)
    except zipfile.BadZipFile as error:
        raise DownloadError(
            f"{archive} is not a whole zip file: delete it and run the command again."
        ) from error


def make_readable(folder: Path) -> None:
    """Let every user read all files and enter all folders, whatever umask they were made under."""
    for each in (folder, *folder.rglob("*")):
        if not each.is_symlink():
            each.chmod(each.stat().st_mode | (0o555 if each.is_dir() else 0o444))


def install_plugins(folder: Path, archives: list[Path], java: Java) -> None:
    """Install plugins with the distribution's own tool; raises NodeError with its last line."""
    if not archives:
        return
    urls = [archive.as_uri() for archive in archives]
    done = subprocess.run(
        [str(folder / "bin" / "opensearch-plugin"), "install", "-b", *urls],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        timeout=PLUGIN_SECONDS,
        env=environment(OPENSEARCH_JAVA_HOME=str(java.home)),
    )
    if done.returncode:
        lines = done.stdout.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        raise NodeError(f"the plugins of the embedded node could not be installed: {lines[-1]}")
