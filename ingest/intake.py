"""Rows become documents, each id once; whatever is none goes to the rejects file."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event

from ingest.documents import DocumentMaker
from ingest.errors import SourceError
from ingest.records import Document, Reject, Row
from ingest.rows import Rows
from ingest.seen import Seen
from ingest.tally import Tally


class Intake:
    """The beginning of the path.

    damage: the error at which the source ended, if it did; what stands before it is still loaded.
    """

    def __init__(
        self, rows: Rows, maker: DocumentMaker, seen: Seen, tally: Tally, stopping: Event
    ) -> None:
        self._rows, self._maker, self._seen = rows, maker, seen
        self._tally, self._stopping = tally, stopping
        self.damage: SourceError | None = None

    def documents(self) -> Iterator[Document]:
        """Documents that are the first with their id, until the run is stopping."""
        for found in self._maker.make(self._sound_rows()):
            if self._stopping.is_set():
                return
            self._tally.took()
            if isinstance(found, Reject):
                if found.id:
                    self._seen.note(found.id)
                self._tally.reject(found)
            elif first := self._seen.add(found.id, found.origin):
                reason = f"the id is taken by line {first.line} of {first.file}"
                self._tally.reject(Reject(reason, found.origin, found.id, found.source))
            else:
                yield found

    def _sound_rows(self) -> Iterator[Row | Reject]:
        try:
            yield from self._rows
        except SourceError as error:
            self.damage = error
