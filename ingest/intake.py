"""Rows become documents, each id once; whatever is none goes to the rejects file."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event

from ingest.documents import DocumentMaker, content_id
from ingest.errors import SourceError
from ingest.records import Document, Reading, Reject, Row
from ingest.rows import Rows
from ingest.seen import Seen
from ingest.tally import Tally
from mappings import Fields


class Intake:
    """The beginning of the path.

    damage: the error at which the source ended, if it did; what stands before it is still loaded.
    """

    def __init__(
        self,
        rows: Rows,
        reading: Reading,
        fields: Fields,
        seen: Seen,
        tally: Tally,
        stopping: Event,
    ) -> None:
        self._rows, self._seen = rows, seen
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
        for found in self._maker.make(self._sound_rows()):
            if self._stopping.is_set():
                return
            self._tally.took()
            if isinstance(found, Reject):
                if found.id:
                    self._seen.note(found.id)
                self._tally.reject(found)
            elif not (first := self._seen.add(found.id, found.origin)):
                yield found
            elif self._by_content and found.id == content_id(found.text):
                # The same text, whose id is made of it, is the same document.
                self._tally.skip()
            else:
                reason = f"the id is taken by line {first.line} of {first.file}"
                self._tally.reject(found.rejected(reason))

    def _sound_rows(self) -> Iterator[Row | Reject]:
        try:
            yield from self._rows
        except SourceError as error:
            self.damage = error
