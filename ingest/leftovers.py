"""Passages of a document's old version that the new, shorter one does not have."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from ingest import amend
from ingest.link import Link
from ingest.tally import Tally


class Leftovers:
    """Held back until the new version is stored, so that a refused one costs nothing of the old.

    A kill in between loses none of them: the next run looks up the passage behind the last one, and
    of a document's left-overs that one is deleted last.
    """

    def __init__(self, link: Link, tally: Tally) -> None:
        self._link, self._tally = link, tally
        self._lock = threading.Lock()
        self._held: dict[int, list[str]] = {}
        self._due: list[list[str]] = []
        tally.on_stored(self._stored)

    def hold(self, document: int, passages: list[str]) -> None:
        """These ids go once the document of that number is stored; in order of position."""
        with self._lock:
            self._held[document] = passages

    def _stored(self, document: int) -> None:
        with self._lock:
            if passages := self._held.pop(document, None):
                self._due.append(passages)

    def sweep(self) -> None:
        """Delete what is due; raises the errors of `amend.delete`."""
        with self._lock:
            due, self._due = self._due, []
        if due:
            self._delete(each for passages in due for each in passages[:0:-1])
            self._delete(passages[0] for passages in due)

    def _delete(self, ids: Iterator[str]) -> None:
        self._tally.count("removed", amend.delete(self._link, ids))
