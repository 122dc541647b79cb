"""Passages that are to go from an index, in a temporary database and not in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

from ingest.records import Version

_SHOWN = 3


class Listing:
    """Which versions of which passages are to go, each once."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        database.execute(
            "CREATE TABLE gone (passage TEXT PRIMARY KEY, document TEXT, "
            "seq_no INTEGER, primary_term INTEGER, routing TEXT)"
        )

    def add(self, page: Iterable[tuple[Version, str]]) -> None:
        """These are to go: passages with the ids of their documents."""
        rows = ((v.id, document, v.seq_no, v.primary_term, v.routing) for v, document in page)
        self._database.executemany("INSERT OR IGNORE INTO gone VALUES (?, ?, ?, ?, ?)", rows)

    def counts(self) -> tuple[int, int]:
        """How many passages, of how many documents."""
        counting = "SELECT count(*), count(DISTINCT document) FROM gone"
        passages, documents = self._database.execute(counting).fetchone()
        return passages, documents

    def sample(self) -> tuple[str, ...]:
        """Some of the documents' ids."""
        some = self._database.execute(f"SELECT DISTINCT document FROM gone LIMIT {_SHOWN}")
        return tuple(document for (document,) in some)

    def versions(self) -> Iterator[Version]:
        """The passages; a document's first one last, so that what a kill leaves is found by it."""
        chosen = "SELECT passage, seq_no, primary_term, routing FROM gone"
        rows = self._database.execute(f"{chosen} ORDER BY passage = document")
        return (Version(*row) for row in rows)
