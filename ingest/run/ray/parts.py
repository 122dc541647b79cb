"""What Ray's processes do for a run: tell the ids of a file, read it, and load its batches."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.errors import IngestError, SourceError
from ingest.index.loading import OpenIndex
from ingest.index.types.fit import Fitter
from ingest.read.rows import read_source
from ingest.read.sources.files import Position, SourceFile
from ingest.records import Origin, PassageEncoder, Reject, Row
from ingest.run.batch.batch import Batch, RejectRows, load_batch
from ingest.run.deduplicate import Deduplicator, key_of
from ingest.run.plan import Plan
from ingest.settings import RejectLimit
from ingest.tally import Tally
from tandem.base.errors import TandemError

if TYPE_CHECKING:
    from cluster import Cluster

# Rows of a batch: enough that its beginning and end cost little beside it, and a kill too.
ROWS = 1024
CHARACTERS = 4_000_000
# Ids that are told together.
IDS = 100_000
# Stands for the place of an id whose document was refused.
_NOTED = -1

Place = tuple[int, str, int]  # the key of an id, file and line


@dataclass(frozen=True)
class Setup:
    """What every process of a run needs to know; load: the encoder; connect: to the cluster."""

    connect: Callable[[], Cluster]
    load: Callable[[], PassageEncoder]
    index: OpenIndex
    plan: Plan
    fitter: Fitter
    fingerprint: str


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
            yield key, None if line == _NOTED else Origin(self.files[number], line)


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
        self.rows.append((key_of(document_id), 0, _NOTED))

    def taken(self) -> Ids:
        table = np.array(self.rows, np.int64).reshape(-1, 3)
        self.rows = []
        return Ids(table[:, 0], tuple(self._files), table[:, 1], table[:, 2])


def ids_of(setup: Setup, file: SourceFile) -> Iterator[Ids | tuple[str, ...] | Failure]:
    """The ids of a file's documents, then what was odd about them, then how the file ended."""
    listed, said = _Listed(), dict[str, None]()
    tally = Tally(setup.index.name, RejectRows(), RejectLimit(share=1.0))
    reading = setup.plan.reading
    rows = read_source(file, reading, Position([file]), said.setdefault)
    first = Deduplicator(rows, reading, setup.index.fields, listed, tally, Event())
    first.fitter = setup.fitter
    for _ in first.documents():
        if len(listed.rows) >= IDS:
            yield listed.taken()
    yield listed.taken()
    yield (*said, *first.warnings)
    if first.damage:
        yield Failure.of(first.damage)


class Taken:
    """The ids of a batch that are those of documents before, and where these stand."""

    def __init__(self, places: Mapping[Place, Origin]) -> None:
        self._places = dict(places)
        self._here: set[Place] = set()

    def add(self, document_id: str, origin: Origin) -> Origin | None:
        """As of `Seen`."""
        place = (key_of(document_id), origin.file, origin.line)
        first = self._places.get(place)
        if first == origin and place not in self._here:  # two on one line
            self._here.add(place)
            return None
        return first

    def note(self, document_id: str) -> None:
        """As of `Seen`, which had it noted before."""


@dataclass(frozen=True)
class Chunk:
    """Rows of a file that are loaded together, and which of their ids are taken."""

    rows: tuple[Row | Reject, ...]
    taken: Mapping[Place, Origin]


def chunks(row: dict[str, Any], reading: Any) -> Iterator[dict[str, Any]]:
    """The rows of a file in batches, as rows of Ray; how a damaged one ended was told before."""
    file, taken = pickle.loads(row["file"])
    found: list[Row | Reject] = []
    size = 0
    stream = read_source(file, reading, Position([file]), lambda said: None)
    while True:
        try:
            each = next(stream, None)
        except SourceError:
            each = None
        if each is not None:
            found.append(each)
            size += _characters(each)
        if found and (each is None or len(found) >= ROWS or size >= CHARACTERS):
            lines = {(one.origin.file, one.origin.line) for one in found}
            ours = {place: first for place, first in taken.items() if place[1:] in lines}
            yield {"chunk": pickle.dumps(Chunk(tuple(found), ours))}
            found, size = [], 0
        if each is None:
            return


def _characters(row: Row | Reject) -> int:
    values = row.value.values() if isinstance(row, Row) else [row.raw]
    return sum(len(value) for value in values if isinstance(value, str))


class Worker:
    """Loads batches with an encoder of its own, which is loaded with the first of them."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup

    @cached_property
    def _encoder(self) -> PassageEncoder:
        encoder = self._setup.load()
        if encoder.fingerprint != self._setup.fingerprint:
            raise IngestError(
                f"a worker loaded {encoder.name!r} with fingerprint {encoder.fingerprint}, and the "
                f"run has {self._setup.fingerprint}: give all machines the same model."
            )
        return encoder

    @cached_property
    def _cluster(self) -> Cluster:
        return self._setup.connect()

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """One batch, as a row of Ray, becomes what came of it."""
        return {"made": pickle.dumps(self._load(pickle.loads(row["chunk"])))}

    def _load(self, chunk: Chunk) -> Batch | Failure:
        setup = self._setup
        try:
            made = load_batch(
                chunk.rows,
                cluster=self._cluster,
                encoder=self._encoder,
                index=setup.index,
                plan=setup.plan,
                fitter=setup.fitter,
                ids=Taken(chunk.taken),
            )
        except TandemError as error:
            return Failure.of(error)
        return replace(made, report=replace(made.report, warnings=()))


def fault_of_machine(setup: Setup) -> str | None:
    """What keeps this machine from working for the run, None where nothing does."""
    worker = Worker(setup)
    try:
        _ = worker._cluster, worker._encoder
    except TandemError as error:
        return str(error)
    return None
