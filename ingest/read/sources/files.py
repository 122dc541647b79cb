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
from pathlib import Path, PurePath
from threading import Event
from typing import BinaryIO, TypeVar, cast

from ingest.errors import SourceError
from ingest.read.sources.growing import Growing
from ingest.read.sources.streams import Stream, decompressed

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
    """One file, or standard input where path is None."""

    path: Path | None

    @property
    def name(self) -> str:
        """What messages call it."""
        return shown(self.path) if self.path else "stdin"


def shown(path: Path) -> str:
    """The path as text that JSON and terminals can hold, whatever bytes are in it."""
    return os.fsencode(path).decode(errors="backslashreplace")


def find_sources(named: str | Path | Sequence[str | Path]) -> list[SourceFile]:
    """The files behind paths, globs, BEIR folders and `-`, in the order given.

    Raises SourceError for one that is not there, and for a file that is named twice.
    """
    names = [str(named)] if isinstance(named, str | Path) else [str(name) for name in named]
    found = [source for name in names for source in _reached(name)]
    if not found:
        raise SourceError("no source is named: give a file, a folder, a glob, or - for stdin.")
    (commonest, times), *_ = Counter(source.name for source in found).most_common(1)
    if times > 1:
        raise SourceError(f"{commonest} is named twice: name every source once.")
    return found


def _reached(name: str) -> list[SourceFile]:
    try:
        return list(_expand(name))
    except OSError as error:  # a folder that may not be entered, a name that is too long
        raise SourceError(f"{name[:200]} cannot be reached: {error.strerror}.") from error


def _expand(name: str) -> Iterator[SourceFile]:
    if name == STDIN:
        yield SourceFile(None)
        return
    path = Path(name)
    if path.is_dir():
        yield from (SourceFile(each) for each in _within(path))
    elif path.exists():
        yield SourceFile(path)
    elif any(mark in name for mark in _GLOB_MARKS):
        matches = [m for m in sorted(glob.glob(name, recursive=True)) if _is_meant(m, name)]
        if not matches:
            raise SourceError(f"no file matches {name}: check the pattern.")
        yield from (SourceFile(Path(match)) for match in matches)
    elif "\n" in name:
        raise SourceError(f"{name[:60]!r}... is a text and no path: give a list of dicts.")
    else:
        raise SourceError(f"there is no file {name}: check the path.")


def _is_meant(match: str, pattern: str) -> bool:
    """Whether a pattern that matches means this file: a rejects file only where it says so."""
    return Path(match).is_file() and (not is_of_rejects(match) or REJECTS_ENDING in pattern)


def is_of_rejects(name: str) -> bool:
    """Whether a file of this name holds refused documents, of the last run or an earlier one."""
    return _OF_REJECTS.search(name) is not None


def common_mode(sources: Iterable[SourceFile]) -> int:
    """The mode of a file that only those may read and write who may do so with every source."""
    mode = 0o666
    for source in sources:
        try:
            mode &= source.path.stat().st_mode if source.path else PRIVATE
        except OSError:  # as opening it will tell
            mode &= PRIVATE
    return mode


def _within(folder: Path) -> list[Path]:
    """The files of a folder, at any depth, that can be read, or the corpus of BEIR's."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    found = [folder / path for path in chosen([path.relative_to(folder) for path in files])]
    if not found:
        known = ", ".join(ENDINGS)
        raise SourceError(f"the folder {folder} has no file that ends with one of {known}.")
    return found


_AnyPath = TypeVar("_AnyPath", bound=PurePath)


def chosen(paths: Sequence[_AnyPath]) -> list[_AnyPath]:
    """Those that are sources: the only corpus.jsonl, compressed or not, or else all.

    Hidden files, rejects and files of other endings are none.
    """
    corpora = {f"{BEIR_CORPUS}{ending}" for ending in ("", *COMPRESSED)}
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


class Position:
    """How much of all sources was read, measured in bytes of the files as they lie on the disk."""

    def __init__(self, sources: Iterable[SourceFile], *, follow: bool = False) -> None:
        # Followed: the last file, until this is set.
        self.stopped = Event()
        self.followed = list(sources)[-1] if follow else None
        # Asked once: a file that is removed while it is read is read to its end all the same.
        self._sizes = {source: _size(source) for source in sources}
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


def _size(source: SourceFile) -> int | None:
    try:
        return source.path.stat().st_size if source.path else None
    except OSError:  # as opening it will tell
        return 0


@contextmanager
def opened(source: SourceFile, position: Position) -> Iterator[Stream]:
    """The uncompressed bytes of a source; raises SourceError where it cannot be opened."""
    try:
        # Not sys.stdin: a thread that waits for its lock would end the interpreter with a crash.
        raw = open(source.path or 0, "rb", 0, closefd=source.path is not None)  # noqa: SIM115
    except OSError as error:
        raise SourceError(f"{source.name} cannot be read: {error.strerror}.") from error
    with raw:
        if source.path:
            position.enter(cast(BinaryIO, raw))
        growing = source.path and source == position.followed
        read = Growing(raw, str(source.path), position.stopped) if growing else raw
        buffer = cast("io.BufferedReader", io.BufferedReader(read, 1 << 18))
        yield decompressed(buffer, source.name)
    position.leave(source)
