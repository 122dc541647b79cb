"""Rows become documents, each id once; whatever is none goes to the rejects file."""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from threading import Event
from typing import Protocol

from ingest.errors import IngestError, SourceError
from ingest.index.types.fit import Fitter
from ingest.read.documents import DocumentMaker
from ingest.read.fields import content_id
from ingest.records import Document, Origin, Reject, Row
from ingest.settings import Reading
from ingest.tally import Tally
from mappings import Fields

_LINE_BITS = 44
_CACHE_KIB = 2_000
# An id that was only noted is still to be had.
_INSERT = """
    INSERT INTO seen VALUES (?, ?)
    ON CONFLICT (hash) DO UPDATE SET place = excluded.place WHERE place IS NULL
"""


class Ids(Protocol):
    """Which ids were there before."""

    def add(self, document_id: str, origin: Origin) -> Origin | None:
        """Remember an id; where it was seen before, the place of the first one."""

    def note(self, document_id: str) -> None:
        """Remember an id that is in the source, but whose document was refused."""


class Seen:
    """Ids by a hash of 64 bits, in a private temporary database that SQLite deletes on closing.

    Eight million ids as Python strings would take a gigabyte. Two different ids share a hash once
    in some hundred thousand corpora of that size; the second would be rejected, not lost.
    """

    def __init__(self) -> None:
        self._db = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("CREATE TABLE seen (hash INTEGER PRIMARY KEY, place INTEGER)")
        self._db.execute("BEGIN")
        self._files: dict[str, int] = {}

    def add(self, document_id: str, origin: Origin) -> Origin | None:
        """Remember an id; where it was seen before, the place of the first one."""
        return self.add_key(key_of(document_id), origin)

    def add_key(self, key: int, origin: Origin) -> Origin | None:
        """The same of an id's key."""
        file = self._files.setdefault(origin.file, len(self._files))
        place = file << _LINE_BITS | origin.line
        if self._execute(_INSERT, (key, place)).rowcount:
            return None
        row = self._execute("SELECT place FROM seen WHERE hash = ?", (key,)).fetchone()
        return Origin(list(self._files)[row[0] >> _LINE_BITS], row[0] & ((1 << _LINE_BITS) - 1))

    def note(self, document_id: str) -> None:
        """Remember an id that is in the source, but whose document was refused."""
        self.note_key(key_of(document_id))

    def note_key(self, key: int) -> None:
        """The same of an id's key."""
        self._execute("INSERT OR IGNORE INTO seen VALUES (?, NULL)", (key,))

    def __contains__(self, document_id: str) -> bool:
        found = self._execute("SELECT 1 FROM seen WHERE hash = ?", (key_of(document_id),))
        return found.fetchone() is not None

    def _execute(self, statement: str, values: tuple[int, ...]) -> sqlite3.Cursor:
        try:
            return self._db.execute(statement, values)
        except sqlite3.OperationalError as error:
            raise no_room(error) from error

    def close(self) -> None:
        """Forget everything."""
        self._db.close()


def no_room(error: sqlite3.OperationalError) -> IngestError:
    """The sentence for a temporary database that cannot grow."""
    return IngestError(
        f"the ids of this run cannot be kept in a temporary file ({error}): free space in the "
        "folder for those, or name another in SQLITE_TMPDIR, and run the same command again."
    )


def key_of(document_id: str) -> int:
    """An id's hash of 64 bits, signed.

    The first 16 are of the id without its last two characters: ids that follow one another, as
    numbers do, lie together, so that the database need not read a page of a large file for each.
    """
    name = document_id.encode()
    near = (zlib.crc32(name[:-2]) & 0xFFFF).to_bytes(2, "big")
    return int.from_bytes(near + hashlib.blake2b(name, digest_size=6).digest(), "big", signed=True)


class Deduplicator:
    """The beginning of the path.

    fitter: by the types of the index, once they are known; damage: the error at which the source
    ended, if it did; what stands before it is still loaded.
    """

    def __init__(
        self,
        rows: Iterable[Row | Reject],
        reading: Reading,
        fields: Fields,
        seen: Ids,
        tally: Tally,
        stopping: Event,
    ) -> None:
        self._rows, self._seen = rows, seen
        self.fitter = Fitter({})
        self._maker = DocumentMaker(reading, fields)
        self._by_content = reading.id_from_content
        self._tally, self._stopping = tally, stopping
        self.damage: SourceError | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was odd about the first documents, once it is known."""
        return self._maker.warnings

    def documents(self) -> Iterator[Document]:
        """Documents that are the first with their id, until the run is stopping."""
        for made in self._maker.make(self._sound_rows()):
            if self._stopping.is_set():
                return
            self._tally.took()
            found = self.fitter.fit(made) if isinstance(made, Document) else made
            if isinstance(found, Reject):
                if found.id:
                    self._seen.note(found.id)
                self._tally.reject(found)
            elif not (first := self._seen.add(found.id, found.origin)):
                yield found
            elif self._by_content and found.id == content_id(found.text or str(found.title)):
                # The same content, whose id is made of it, is the same document.
                self._tally.skip()
            else:
                reason = f"the id is taken by line {first.line} of {first.file}"
                self._tally.reject(found.rejected(reason))

    def _sound_rows(self) -> Iterator[Row | Reject]:
        try:
            yield from self._rows
        except SourceError as error:
            self.damage = error
