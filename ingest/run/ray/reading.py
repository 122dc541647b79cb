"""How Ray's tasks read a file: at first for its ids, then for its rows in chunks."""

from __future__ import annotations

import pickle
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

from ingest.errors import SourceError
from ingest.read.rows import read_source
from ingest.read.sources.address import scheme_of
from ingest.read.sources.files import Position, SourceFile
from ingest.read.sources.remote import reaching
from ingest.records import Origin, Reject, Row
from ingest.run.batch.batch import RejectRows
from ingest.run.deduplicate import Deduplicator, key_of
from ingest.run.ray.parts import NOTED, Chunk, Failure, FileEnd, FileJob, Ids, Setup, Version
from ingest.settings import Reading, RejectLimit
from ingest.tally import Tally

# Rows of a chunk, and characters: enough that its beginning and end cost little beside it, and few
# enough that a kill does too, also with a slow model.
ROWS = 1024
CHARACTERS = 1_000_000
# Rows of which a chunk is worth its beginning and end, where there is not enough for larger ones.
FEW = 256
# Of so many files it is looked whether each machine has them.
FILES_LOOKED_FOR = 1000
# Ids that are told together. By number, not by time: who does it again must tell the same ones.
IDS = 20_000


class _Listed:
    """Takes every id as new, and keeps what is to be told of it."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, int, int]] = []
        self._files: dict[str, int] = {}

    def add(self, document_id: str, origin: Origin) -> Origin | None:
        number = self._files.setdefault(origin.file, len(self._files))
        self.rows.append((key_of(document_id), number, origin.line))
        return None

    def note(self, document_id: str) -> None:
        self.rows.append((key_of(document_id), 0, NOTED))

    def taken(self) -> Ids:
        table = np.array(self.rows, np.int64).reshape(-1, 3)
        self.rows = []
        return Ids(table[:, 0], tuple(self._files), table[:, 1], table[:, 2])


class _NoRejects(RejectRows):
    """Forgets them: they come again with the rows."""

    def write(self, reject: Reject) -> None:
        self.written += 1


@dataclass(frozen=True)
class LookedFor:
    """A file that every machine must find: as it is pickled, for it may need a package there.

    name: of it; reading: how its first row is read, None where it just must be there.
    """

    name: str
    packed: bytes
    reading: Reading | None

    def look(self) -> None:
        """Raise SourceError where this machine does not have it, or cannot read it."""
        with reaching(self.name):
            file: SourceFile = pickle.loads(self.packed)
        if file.path and not file.path.exists():
            raise SourceError(
                f"it has no {file.path}: put the files where every machine sees them under the "
                "same path, or into an object store."
            )
        if self.reading:
            next(read_source(file, self.reading, Position([]), lambda said: None), None)


def looked_for(files: Sequence[SourceFile], reading: Reading) -> list[LookedFor]:
    """What every machine looks for: the first files, of which one of each kind is read."""
    kinds = {(scheme_of(each.name), each.pure and each.pure.suffix): each for each in files[::-1]}
    read = set(kinds.values())
    asked = [each for each in files if each.path][:FILES_LOOKED_FOR]
    asked += [each for each in kinds.values() if each not in asked]
    return [
        LookedFor(each.name, pickle.dumps(each), reading if each in read else None)
        for each in asked
    ]


def ids_of(setup: Setup, file: SourceFile) -> Iterator[Ids | FileEnd]:
    """The ids of a file's documents, and at last how it ended."""
    setup.reach.enter()
    listed, said, rows = _Listed(), dict[str, None](), 0
    tally = Tally(setup.index.name, _NoRejects(), RejectLimit(share=1.0))
    reading = setup.plan.reading

    def counted() -> Iterator[Row | Reject]:
        nonlocal rows
        for row in read_source(file, reading, Position([file]), said.setdefault):
            rows += 1
            yield row

    first = Deduplicator(counted(), reading, setup.index.fields, listed, tally, Event())
    first.fitter = setup.fitter
    version = _version(file)
    for _ in first.documents():
        if len(listed.rows) >= IDS:
            yield listed.taken()
    yield listed.taken()
    failure = Failure.of(first.damage) if first.damage else None
    yield FileEnd(rows, version, tuple(said), first.warnings, failure)


def together(files: Sequence[FileJob], groups: int) -> Iterator[list[FileJob]]:
    """The files, small ones in groups of a chunk that follow one another.

    groups: to make, as far as none gets too small, so that every worker has some.
    """
    most = max(FEW, min(ROWS, sum(each.end.rows for each in files) // groups))
    group: list[FileJob] = []
    rows = 0
    for each in files:
        if group and rows + each.end.rows > most:
            yield group
            group, rows = [], 0
        group.append(each)
        rows += each.end.rows
    if group:
        yield group


def chunks(row: dict[str, Any], setup: Setup) -> Iterator[dict[str, Any]]:
    """The rows of some files in chunks, as rows of Ray; at last a failure, if one was changed."""
    setup.reach.enter()
    jobs: list[FileJob] = pickle.loads(row["files"])
    found: list[Row | Reject] = []
    size = 0
    for each in chain.from_iterable(_rows(job, setup) for job in jobs):
        ends = isinstance(each, Failure)
        if found and (ends or len(found) >= ROWS or size >= CHARACTERS):
            yield _chunk(jobs, found)
            found, size = [], 0
        if isinstance(each, Failure):
            yield {"chunk": pickle.dumps(each)}
            return
        found.append(each)
        size += _characters(each)
    if found:
        yield _chunk(jobs, found)


def _rows(job: FileJob, setup: Setup) -> Iterator[Row | Reject | Failure]:
    """The rows of a file; at last a failure, if it was changed."""
    count, failure = 0, None
    reading, position = setup.plan.reading, Position([job.file])
    try:
        for each in read_source(job.file, reading, position, lambda said: None):
            count += 1
            yield each
    except SourceError as error:
        failure = Failure.of(error)
    if wrong := _changed(job, count, failure):
        yield wrong


def _chunk(jobs: list[FileJob], rows: list[Row | Reject]) -> dict[str, Any]:
    lines = {(each.origin.file, each.origin.line) for each in rows}
    taken = {line: ids for job in jobs for line, ids in job.taken.items() if line in lines}
    return {"chunk": pickle.dumps(Chunk(tuple(rows), taken))}


def _changed(job: FileJob, count: int, failure: Failure | None) -> Failure | None:
    """What is wrong where a file was not read as it was for its ids; its damage was told then."""
    if failure and not job.end.failure:
        return failure
    if count == job.end.rows and _version(job.file).is_that_of(job.end.version):
        return None
    return Failure(
        SourceError,
        f"{job.file.name} was changed while it was loaded ({job.end.rows:,} rows when its ids were "
        f"read, {count:,} afterwards): run the same command again, which writes what is missing.",
    )


def _version(file: SourceFile) -> Version:
    try:
        if file.remote:
            return Version(file.remote.version_now())
        found = file.path.stat() if file.path else None
    except OSError:  # as opening it tells
        found = None
    return Version(str(found.st_size), _machine(), found.st_mtime_ns) if found else Version(None)


@cache
def _machine() -> str:
    """What tells machines apart, and containers of one: each has files of its own."""
    try:
        booted = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:  # no Linux
        booted = ""
    return f"{platform.node()} {booted}"


def _characters(row: Row | Reject) -> int:
    values = row.value.values() if isinstance(row, Row) else [row.raw]
    return sum(len(value) for value in values if isinstance(value, str))
