"""Look up what is stored, and read back a sample of what was written."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cluster.error_body import kind_of, reason_of
from ingest.errors import IncompleteError
from ingest.records import Passage, Version
from ingest.write.client import Fate, IndexClient, Verdict
from mappings import Fields
from tandem.base.vectors import Vector, VectorFault, as_vector, cosine
from tandem.base.wire import path_of

# What no waiting mends.
_FATES = {
    "index_not_found_exception": Fate.GONE,
    "index_closed_exception": Fate.GONE,
    "security_exception": Fate.FORBIDDEN,
}


def version_of(hit: Mapping[str, Any]) -> Version:
    """The version that an answer shows, of one that was asked for it."""
    return Version(hit["_id"], hit["_seq_no"], hit["_primary_term"], hit.get("_routing"))


def look_up(client: IndexClient, ids: Sequence[str], *fields: str) -> dict[str, dict[str, Any]]:
    """Fields of stored passages by id, of those that are there; no ids give none.

    By `_mget`, which sees what was written a moment ago, refreshed or not. Raises OutageError,
    BlockedError, IndexRefusedError.
    """
    return {doc["_id"]: doc.get("_source", {}) for doc in _found(client, ids, fields)}


def look_up_versions(
    client: IndexClient, ids: Sequence[str], *fields: str
) -> list[tuple[Version, dict[str, Any]]]:
    """The same with the version that each is of, in the order of the ids."""
    shown = "docs._seq_no", "docs._primary_term", "docs._routing"
    return [(version_of(doc), doc.get("_source", {})) for doc in _found(client, ids, fields, shown)]


def _found(
    client: IndexClient, ids: Sequence[str], fields: Sequence[str], shown: Sequence[str] = ()
) -> list[dict[str, Any]]:
    if not ids:
        return []

    def doubt(answer: dict[str, Any]) -> str | None:
        docs = answer["docs"]
        if [doc["_id"] for doc in docs] != list(ids):
            return "the answer has other documents than were asked for"
        error = next((doc["error"] for doc in docs if "error" in doc), None)
        if fate := _FATES.get(kind_of(error or {})):
            raise client.fatal(Verdict(fate, reason_of(error)))
        # As of a shard that is away: the passage may be there.
        return reason_of(error) if error else None

    answer = client.ask(
        "POST",
        path_of(client.index, "_mget"),
        {"ids": ids},
        doubt=doubt,
        _source_includes=",".join(fields),
        filter_path=",".join(("docs._id", "docs.found", "docs.error", "docs._source", *shown)),
    )
    return [doc for doc in answer["docs"] if doc["found"]]


# Passages that are read back after a load.
SAMPLE = 32
# A stored vector may be quantised, which keeps its cosine to what was sent above this.
_SAME_VECTOR = 0.99


@dataclass(frozen=True)
class Sampled:
    """written: passages, of which those that were kept are a sample: id, stamp, vector."""

    written: int = 0
    kept: Sequence[tuple[str, str, Vector]] = ()


class Sample:
    """Some of what was written, each passage with the same chance; safe to use from threads.

    Source: J. S. Vitter, "Random Sampling with a Reservoir", ACM TOMS 11, 1985, algorithm R.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._written = 0
        self._kept: list[tuple[str, str, Vector]] = []

    def add(self, passages: Sequence[Passage]) -> None:
        """These were written."""
        with self._lock:
            for passage in passages:
                self._written += 1
                place = len(self._kept)
                if place == SAMPLE:
                    place = random.randrange(self._written)
                if place < SAMPLE:
                    # A copy, for a view would keep its whole batch in memory.
                    vector = np.array(passage.vector, dtype=np.float32)
                    self._kept[place : place + 1] = [(passage.id, passage.stamp, vector)]

    def taken(self) -> Sampled:
        """What is in it, to be joined to another."""
        with self._lock:
            return Sampled(self._written, list(self._kept))

    def join(self, other: Sampled) -> None:
        """Take in the sample of what else was written."""
        with self._lock:
            sources = [self._kept, list(other.kept)]
            kept: list[tuple[str, str, Vector]] = []
            self._written += other.written
            while len(kept) < SAMPLE and any(sources):
                theirs = random.random() * self._written < other.written
                source = sources[theirs] or sources[not theirs]
                kept.append(source.pop(random.randrange(len(source))))
            self._kept = kept

    def check(self, client: IndexClient, fields: Fields) -> None:
        """Read the sample back; raises IncompleteError where it is not what was written."""
        ids = [each for each, _, _ in self._kept]
        found = look_up(client, ids, fields.content_hash, fields.vector)
        wrong = [
            each
            for each, stamp, vector in self._kept
            if not _same(found.get(each), fields, stamp, vector)
        ]
        if wrong:
            raise IncompleteError(
                f"{len(wrong)} of {len(ids)} passages that were read back from index "
                f"{client.index!r} are not there as they were written ({', '.join(wrong[:3])}): "
                "look for an ingest pipeline or another writer that changes them, and run the same "
                "command again."
            )


def _same(stored: dict[str, Any] | None, fields: Fields, stamp: str, vector: Vector) -> bool:
    if stored is None or stored.get(fields.content_hash) != stamp:
        return False
    there = stored.get(fields.vector)
    if there is None:  # Elasticsearch keeps it out of what it shows; the count at the end tells
        return True
    other = as_vector(there, vector.size)
    return not isinstance(other, VectorFault) and cosine(other, vector) >= _SAME_VECTOR
