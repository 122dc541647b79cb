"""What crosses to Ray's processes and back: the setup of a run, ids, chunks of rows, failures."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.index.loading import OpenIndex
from ingest.index.types.fit import Fitter
from ingest.read.sources.files import SourceFile
from ingest.records import Origin, PassageEncoder, Reject, Row
from ingest.run.deduplicate import key_of
from ingest.run.plan import Plan
from tandem.base.errors import TandemError

if TYPE_CHECKING:
    from cluster import Cluster

# Stands for the line of a document that was refused.
NOTED = -1
Lines = tuple[str, int]  # file and line


@dataclass(frozen=True)
class Reach:
    """How every process gets at what a run needs.

    connect: to the search cluster; load: the encoder; fingerprint: that this one must have; folder:
    in which the run was begun, for relative paths; cores: of each worker.
    """

    # Of a partial function, a repr shows the arguments, which may hold a password.
    connect: Callable[[], Cluster] = field(repr=False)
    load: Callable[[], PassageEncoder]
    fingerprint: str
    folder: str
    cores: int

    def enter(self) -> None:
        """Let relative paths of files, models and certificates mean what they meant there."""
        with suppress(OSError):  # a machine without that folder is asked for absolute ones
            os.chdir(self.folder)


@dataclass(frozen=True)
class Setup:
    """What every process of a run needs to know."""

    reach: Reach
    index: OpenIndex
    plan: Plan
    fitter: Fitter


@dataclass(frozen=True)
class Failure:
    """An error as it passes between processes: its kind and its sentence."""

    kind: type[TandemError]
    text: str

    @classmethod
    def of(cls, error: TandemError) -> Failure:
        """What is to be sent of an error."""
        return cls(type(error), str(error))

    def error(self) -> TandemError:
        """The error again; the kinds differ in what they are made of."""
        made = self.kind.__new__(self.kind)
        made.args = (self.text,)
        return made


@dataclass(frozen=True)
class Ids:
    """Ids of a file: keys, int64 [n], and the places of their documents: file and line."""

    keys: np.ndarray[Any, np.dtype[np.int64]]
    files: tuple[str, ...]
    numbers: np.ndarray[Any, np.dtype[np.int64]]
    lines: np.ndarray[Any, np.dtype[np.int64]]

    def __iter__(self) -> Iterator[tuple[int, Origin | None]]:
        """Each key with its place; None where the document was refused."""
        columns = (each.tolist() for each in (self.keys, self.numbers, self.lines))
        for key, number, line in zip(*columns, strict=True):
            yield key, None if line == NOTED else Origin(self.files[number], line)


@dataclass(frozen=True)
class Version:
    """What changes with the content of a file, as far as its system tells.

    everywhere: on every machine; machine: that of a local file, and changed: when, by its clock in
    nanoseconds, which a copy on another machine does not keep.
    """

    everywhere: str | None
    machine: str = ""
    changed: int = 0

    def is_that_of(self, other: Version) -> bool:
        """Whether nothing speaks against the same content."""
        dated = self.machine == other.machine
        return self.everywhere == other.everywhere and not (dated and self.changed != other.changed)


@dataclass(frozen=True)
class FileEnd:
    """How the reading of a file ended.

    rows: of it; version: as it was then; said: what is odd about the file, and about_first: about
    its first documents; failure: at which it ended early, None at its end.
    """

    rows: int
    version: Version
    said: tuple[str, ...]
    about_first: tuple[str, ...]
    failure: Failure | None


class Taken:
    """The ids of rows that are those of documents before, and where these stand."""

    def __init__(self, places: Mapping[Lines, Mapping[int, Origin]]) -> None:
        self._places = places
        self._here: set[tuple[int, Lines]] = set()

    def add(self, document_id: str, origin: Origin) -> Origin | None:
        """As of `Seen`."""
        key, line = key_of(document_id), (origin.file, origin.line)
        first = self._places.get(line, {}).get(key)
        if first == origin and (key, line) not in self._here:  # two on one line
            self._here.add((key, line))
            return None
        return first

    def note(self, document_id: str) -> None:
        """As of `Seen`, which had it noted before."""


@dataclass(frozen=True)
class FileJob:
    """A file to be loaded; taken: its ids that are those of documents before; end: of its ids."""

    file: SourceFile
    taken: Mapping[Lines, Mapping[int, Origin]]
    end: FileEnd


@dataclass(frozen=True)
class Chunk:
    """Rows of a file that are loaded together, and which of their ids are taken."""

    rows: tuple[Row | Reject, ...]
    taken: Mapping[Lines, Mapping[int, Origin]]
