"""Find the files that a user named, open them, and know how far they are read."""

from __future__ import annotations

import glob
import io
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from threading import Event
from typing import BinaryIO, TypeVar, cast

from ingest.errors import SourceError
from ingest.read.sources.address import scheme_of
from ingest.read.sources.growing import Growing
from ingest.read.sources.remote import RemoteFile, find_remote
from ingest.read.sources.resumed import Resumed
from ingest.read.sources.streams import Stream, decompressed
from tandem.base.process.redact import redacted_path

# Not .jsonl, so that `data/*.jsonl` is the same sources after a run as before it.
REJECTS_ENDING = ".rejects"
# Those of earlier runs are kept under the same name with ~, ~2 and so on.
_OF_REJECTS = re.compile(rf"{re.escape(REJECTS_ENDING)}(~\d*)?$")
# Of a rejects file whose source has none, which is standard input or Python's.
PRIVATE = 0o600

STDIN = "-"
BEIR_CORPUS = "corpus.jsonl"
COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zstd")
# Names ending so are of that format; anything else is told by its first bytes.
ENDINGS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".feather": "arrow",
    ".txt": "text",
    ".md": "text",
    ".markdown": "text",
}
_GLOB_MARKS = "*?["


@dataclass(frozen=True)
class SourceFile:
    """One file, here or in an object store, or standard input where it is neither."""

    path: Path | None
    remote: RemoteFile | None = None

    @property
    def name(self) -> str:
        """What messages call it."""
        if self.remote:
            return self.remote.name
        return shown(self.path) if self.path else "stdin"

    @property
    def pure(self) -> PurePath | None:
        """The path whose ending tells the format."""
        return self.remote.pure if self.remote else self.path

    @property
    def reads_again(self) -> bool:
        """Whether it can be read more than once, unlike a pipe."""
        return bool(self.remote or (self.path and self.path.is_file()))

    @property
    def size(self) -> int | None:
        """In bytes as they lie there; None where it is not told."""
        if self.remote:
            return self.remote.size
        try:
            return self.path.stat().st_size if self.path else None
        except OSError:  # as opening it will tell
            return 0


STANDARD_INPUT = SourceFile(None)


def shown(path: Path) -> str:
    """The path as text that JSON and terminals can hold, whatever bytes are in it."""
    return os.fsencode(path).decode(errors="backslashreplace")


def find_sources(named: str | Path | Sequence[str | Path]) -> list[SourceFile]:
    """The files behind paths, addresses, globs, BEIR folders and `-`, in the order given.

    Raises SourceError for one that is not there, and for a file that is named twice.
    """
    names = [str(named)] if isinstance(named, str | Path) else [str(name) for name in named]
    found = [source for name in names for source in _reached(name)]
    if not found:
        raise SourceError("no source is named: give a file, a folder, a glob, or - for stdin.")
    (commonest, times), *_ = Counter(found).most_common(1)
    if times > 1:
        raise SourceError(f"{commonest.name} is named twice: name every source once.")
    return found


def _reached(name: str) -> list[SourceFile]:
    try:
        return list(_expand(name))
    except OSError as error:  # a folder that may not be entered, a name that is too long
        raise SourceError(
            f"{redacted_path(name)[:200]} cannot be reached: {error.strerror}."
        ) from error


def _expand(name: str) -> Iterator[SourceFile]:
    if name == STDIN:
        yield STANDARD_INPUT
        return
    if scheme_of(name):
        yield from _elsewhere(name)
        return
    path = Path(name)
    if path.is_dir():
        yield from (SourceFile(each) for each in _within(path))
    elif path.exists():
        yield SourceFile(path)
    elif any(mark in name for mark in _GLOB_MARKS):
        matches = [m for m in sorted(glob.glob(name, recursive=True)) if _is_meant(m, name)]
        if not matches:
            raise SourceError(f"no file matches {redacted_path(name)}: check the pattern.")
        yield from (SourceFile(Path(match)) for match in matches)
    elif "\n" in name:
        raise SourceError(
            f"{redacted_path(name)[:60]!r}... is a text and no path: give a list of dicts."
        )
    else:
        raise SourceError(f"there is no file {redacted_path(name)}: check the path.")


def _elsewhere(address: str) -> Iterator[SourceFile]:
    """The files of an address; of a folder there, as of one here, those that can be read."""
    files, folder = find_remote(address)
    if folder is not None:
        base = PurePosixPath(folder.partition("://")[2])
        within = {file.pure.relative_to(base): file for file in files}
        files = [within[path] for path in _readable(list(within), folder)]
    elif len(files) > 1 and REJECTS_ENDING not in address:
        files = [file for file in files if not is_of_rejects(file.name)]
    yield from (SourceFile(None, file) for file in files)


def _is_meant(match: str, pattern: str) -> bool:
    """Whether a pattern that matches means this file: a rejects file only where it says so."""
    return Path(match).is_file() and (not is_of_rejects(match) or REJECTS_ENDING in pattern)


def is_of_rejects(name: str) -> bool:
    """Whether a file of this name holds refused documents, of the last run or an earlier one."""
    return _OF_REJECTS.search(name) is not None


def _within(folder: Path) -> list[Path]:
    """The files of a folder, at any depth, that can be read, or the corpus of BEIR's."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    paths = [path.relative_to(folder) for path in files]
    return [folder / path for path in _readable(paths, str(folder))]


_AnyPath = TypeVar("_AnyPath", bound=PurePath)


def chosen(paths: Sequence[_AnyPath], main: str = BEIR_CORPUS) -> list[_AnyPath]:
    """Those that are sources: the only one called `main`, compressed or not, or else all.

    Hidden files, rejects and files of other endings are none.
    """
    corpora = {f"{main}{ending}" for ending in ("", *COMPRESSED)}
    found = [path for path in paths if path.name in corpora]
    if len(found) == 1:
        return found
    return [
        path
        for path in paths
        if not any(part.startswith((".", "__MACOSX")) for part in path.parts)
        and {each.lower() for each in path.suffixes[-2:]} & ENDINGS.keys()
        and not is_of_rejects(path.name)
    ]


def _readable(paths: Sequence[_AnyPath], folder: str) -> list[_AnyPath]:
    if found := chosen(paths):
        return found
    known = ", ".join(ENDINGS)
    raise SourceError(f"the folder {folder} has no file that ends with one of {known}.")


class Position:
    """How much of all sources was read, measured in bytes of the files as they lie on the disk."""

    def __init__(self, sources: Iterable[SourceFile], *, follow: bool = False) -> None:
        # Followed: the last file, until this is set.
        self.stopped = Event()
        self.followed = list(sources)[-1] if follow else None
        # Asked once: a file that is removed while it is read is read to its end all the same.
        self._sizes = {source: source.size for source in sources}
        sizes = self._sizes.values()
        self._total = None if follow or None in sizes else sum(size or 0 for size in sizes)
        self._before = 0
        self._raw: BinaryIO | None = None
        self._share = 0.0

    def reached(self, source: SourceFile, share: float) -> None:
        """Say how much of a file was read, from 0 to 1, where its bytes do not tell."""
        self._raw = None
        self._share = share * (self._sizes.get(source) or 0)

    def enter(self, raw: BinaryIO) -> None:
        """Say that this file is being read now."""
        self._raw = raw

    def leave(self, source: SourceFile) -> None:
        """Say that this file was read to its end."""
        self._raw, self._share = None, 0.0
        self._before += self._sizes.get(source) or 0

    @property
    def share(self) -> float | None:
        """From 0 to 1, or None where the length is not known (stdin, Python iterables)."""
        if not self._total:
            return None
        try:
            within = self._raw.tell() if self._raw else self._share
        except (ValueError, OSError):  # closed by the reading thread meanwhile
            within = 0.0
        return min(1.0, (self._before + within) / self._total)


def _buffered(raw: io.RawIOBase) -> io.BufferedReader:
    return cast("io.BufferedReader", io.BufferedReader(raw, 1 << 18))


@contextmanager
def at_random(source: SourceFile, kind: str) -> Iterator[io.BufferedReader]:
    """The bytes of a source as they lie, to be read anywhere.

    kind: what it is, for the sentence of the SourceError where that cannot be.
    """
    if source == STANDARD_INPUT or (source.remote and source.remote.size is None):
        what = source.name if source.remote else "standard input"
        raise SourceError(f"{kind} needs a file of known size, not {what}: save it first.")
    with _raw(source, Event()) as raw:
        yield _buffered(raw)


def _raw(source: SourceFile, stopping: Event) -> io.FileIO | Resumed:
    if source.remote:
        return Resumed(source.remote, stopping)
    try:
        # Not sys.stdin: a thread that waits for its lock would end the interpreter with a crash.
        return open(source.path or 0, "rb", 0, closefd=source.path is not None)
    except OSError as error:
        raise SourceError(f"{source.name} cannot be read: {error.strerror}.") from error


@contextmanager
def opened(source: SourceFile, position: Position) -> Iterator[Stream]:
    """The uncompressed bytes of a source; raises SourceError where it cannot be opened."""
    with _raw(source, position.stopped) as raw:
        if source != STANDARD_INPUT:
            position.enter(cast(BinaryIO, raw))
        read: io.RawIOBase = raw
        if isinstance(raw, io.FileIO) and source == position.followed:
            read = Growing(raw, str(source.path), position.stopped)
        yield decompressed(_buffered(read), source.name)
    position.leave(source)
