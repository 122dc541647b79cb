"""The rows of any kind of source: files and standard input, or a Python iterable of dicts."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Any, cast

from ingest.errors import SourceError
from ingest.read.formats.arrays import read_json
from ingest.read.formats.frames import items_of
from ingest.read.formats.jsonl import RowStream, Text
from ingest.read.formats.objects import read_iterable
from ingest.read.formats.tables.delimited import read_csv, read_msmarco, read_tsv
from ingest.read.formats.texts import read_text
from ingest.read.rejects import may_write
from ingest.read.sample import ROWS, Ahead, first_rows
from ingest.read.sources.archives import is_workbook, members
from ingest.read.sources.encoding import in_utf_8
from ingest.read.sources.files import (
    REJECTS_ENDING,
    Position,
    SourceFile,
    find_sources,
    is_of_rejects,
    opened,
    shown,
)
from ingest.read.sources.format import format_of
from ingest.read.sources.resumed import Resumed
from ingest.read.sources.streams import Stream
from ingest.records import Reject, Row
from ingest.settings import Reading


def read_source(
    source: SourceFile, reading: Reading, position: Position, tell: Callable[[str], None]
) -> RowStream:
    """Every row of one source, and a reject for every line that is no row.

    tell: takes what is to be said of it, in whole sentences.

    Raises SourceError where the file cannot be opened, its format is not known, or it is damaged.
    """
    with opened(source, position) as stream:
        kind = reading.format or format_of(source.name, source.pure, stream)
        if kind == "zip" and is_workbook(source):
            from ingest.read.formats.tables.excel import read_workbook

            yield from read_workbook(source, reading, position, tell)
        elif kind in ("zip", "tar"):
            for path, member, share in members(source, kind):
                position.reached(source, share)
                name = f"{source.name}:{path}"
                kind = format_of(name, path, member)
                yield from rows_of_stream(name, kind, member, reading, tell)
        elif kind in ("parquet", "arrow") and _as_it_lies(stream):
            from ingest.read.formats.arrow import read_columnar

            yield from read_columnar(source, kind, position)
        else:
            yield from rows_of_stream(source.name, kind, stream, reading, tell)


def _as_it_lies(stream: Stream) -> bool:
    """Whether nothing is decompressed on the way."""
    return isinstance(getattr(stream, "raw", None), io.FileIO | Resumed)


def rows_of_stream(
    name: str, kind: str, stream: Stream, reading: Reading, tell: Callable[[str], None]
) -> RowStream:
    """Every row of a stream of text; raises SourceError for columns, which want a file."""
    if kind not in _TEXT_READERS:
        raise SourceError(f"{name} is {kind} and compressed: decompress it first.")
    text = Text(name, in_utf_8(stream, name, reading.encoding), tell)
    return _TEXT_READERS[kind](text, reading)


_TEXT_READERS: dict[str, Callable[[Text, Reading], RowStream]] = {
    "jsonl": read_json,
    "text": read_text,
    "csv": read_csv,
    "tsv": read_tsv,
    "msmarco": read_msmarco,
}

# Of many files, so many are looked into, and of each at least so many rows.
_FILES_SAMPLED = 100
_ROWS_OF_A_FILE = 20

Source = str | Path | Sequence[str | Path] | Iterable[dict[str, Any]]


class Rows:
    """The rows of a source, lazily; `position` tells how far they were read."""

    def __init__(self, source: Source, reading: Reading) -> None:
        named = [source] if isinstance(source, str | Path) else source
        self._items: Iterable[Any] = ()
        self._reading = reading
        # A named tuple is a document.
        listed = isinstance(named, list | tuple) and named and not hasattr(named, "_asdict")
        if listed and all(isinstance(name, str | Path) for name in named):
            self._files = find_sources(cast("Sequence[str | Path]", named))
        else:
            self._files, self._items = [], items_of(named)
        if reading.follow and not (self._files and self._files[-1].path):
            raise SourceError("`follow` reads on in a file that grows: name one, and name it last.")
        self.position = Position(self._files, follow=reading.follow)
        self._ahead: Ahead | None = None
        self._said: dict[str, None] = {}

    def __iter__(self) -> Iterator[Row | Reject]:
        return self._all() if self._ahead is None else iter(self._ahead)

    def sample(self, stopping: Event | None = None) -> list[Row | Reject]:
        """The first rows of every file; they are read again, or kept, for who iterates.

        stopping: ends the wait for a pipe that says nothing.
        None where the source is damaged at its very beginning, which is told when it is loaded.
        """
        once = not all(file.reads_again for file in self._files)
        if once or not (self._files or isinstance(self._items, list | tuple)):
            self._ahead = self._ahead or Ahead(self._all())
            return self._ahead.first(stopping or Event())
        found: list[Row | Reject] = []
        most = max(ROWS // max(1, len(self._files)), _ROWS_OF_A_FILE)
        for file in self._files[:_FILES_SAMPLED]:
            with suppress(SourceError):
                found.extend(first_rows(self._read(file, Position([])), most))
        return found or list(first_rows(read_iterable(self._items), most))

    def _read(self, file: SourceFile, position: Position) -> RowStream:
        return read_source(file, self._reading, position, self._said.setdefault)

    @property
    def files(self) -> list[SourceFile]:
        """Where the rows are; none where they come from Python."""
        return list(self._files)

    @property
    def reading(self) -> Reading:
        """How they are read."""
        return self._reading

    @property
    def follows(self) -> bool:
        """Whether the last file is read on as it grows."""
        return self._reading.follow

    def say(self, sentences: Iterable[str]) -> None:
        """Take in what others found to say of the sources."""
        self._said.update(dict.fromkeys(sentences))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is to be said of the sources as far as they were read, a sentence each."""
        return tuple(self._said)

    @property
    def waiting(self) -> int:
        """Rows that were taken from the source for the sample and not handed on since."""
        return self._ahead.waiting if self._ahead else 0

    def _all(self) -> Iterator[Row | Reject]:
        for file in self._files:
            yield from self._read(file, self.position)
        yield from read_iterable(self._items)

    def check(self, rejects: Path) -> None:
        """Read the first row of every file, so that a wrong one is told before anything is made.

        What can be read only once, pipes and standard input, is left alone. Raises SourceError;
        also where the rejects file is one of the sources.
        """
        for file in self._files:
            if file.path and file.path.exists() and rejects.exists():
                self._check_apart(file.path, rejects)
            if file.reads_again:
                next(self._read(file, Position([])), None)

    @property
    def of_rejects(self) -> str | None:
        """The first file that holds refused documents of an earlier run."""
        names = (file.name for file in self._files)
        return next(filter(is_of_rejects, names), None)

    @staticmethod
    def _check_apart(source: Path, rejects: Path) -> None:
        # Whoever reads what is being written reads on for ever.
        if source.samefile(rejects):
            raise SourceError(
                f"{shown(source)} is a source, and the rejects of this run would go there: leave "
                "it out, ingest it by itself, or name another file with `rejects`."
            )

    @property
    def paths(self) -> list[Path | None]:
        """Where the files are, None for one that is none of this machine."""
        return [each.path for each in self._files]

    @property
    def rejects_path(self) -> Path:
        """Where refused documents go unless told: beside the first file.

        In the working folder where that one may not be written, and for other sources.
        """
        first = self._files[0].path if self._files else None
        pure = self._files[0].pure if self._files else None
        name = pure.name if pure else "stdin" if self._files else "documents"
        beside = first and first.is_file() and may_write(first.parent)
        folder = first.parent if first and beside else Path()
        return folder / f"{name}{REJECTS_ENDING}"
