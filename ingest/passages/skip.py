"""Look up what is stored, many passages at a time, and let through only what must be written."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

from ingest.records import (
    PAUSE,
    TAKEN,
    Passage,
    Stamp,
    Version,
    parse_stamp,
    passage_id,
    wrote,
)
from ingest.tally import Outcome, Tally
from ingest.write import updates
from ingest.write.client import IndexClient
from ingest.write.lookup import look_up, look_up_versions
from mappings import Fields
from tandem.base.vectors import Vector, VectorFault, as_vector


class Leftovers:
    """Held back until the new version is stored, so that a refused one costs nothing of the old.

    A kill in between loses none of them: the next run looks up the passage behind the last one, and
    of a document's left-overs that one is deleted last.
    """

    def __init__(self, client: IndexClient, tally: Tally) -> None:
        self._client, self._tally = client, tally
        self._lock = threading.Lock()
        self._held: dict[int, list[Version]] = {}
        self._due: list[list[Version]] = []
        tally.on_settled(self._settled)

    def hold(self, document: int, passages: list[Version]) -> None:
        """These go once the document of that number is stored, if it is; in order of position."""
        with self._lock:
            self._held[document] = passages

    def _settled(self, document: int, stored: bool) -> None:
        with self._lock:
            passages = self._held.pop(document, None)
            if passages and stored:
                self._due.append(passages)

    def sweep(self) -> None:
        """Delete what is due; raises the errors of `updates.delete`."""
        with self._lock:
            due, self._due = self._due, []
        if due:
            self._delete(each for passages in due for each in passages[:0:-1])
            self._delete(passages[0] for passages in due)

    def _delete(self, passages: Iterator[Version]) -> None:
        self._tally.count("removed", updates.delete(self._client, passages).done)


# Passages in one look-up: an answer of about 100 bytes each.
WINDOW = 256


class Skipper:
    """Compares stamps with those in the index.

    A request whose answer was lost may have been carried out: the next run's look-up settles it.
    """

    def __init__(
        self,
        client: IndexClient,
        tally: Tally,
        leftovers: Leftovers,
        fields: Fields,
        *,
        fresh: bool,
        dim: int,
    ) -> None:
        self._client = client
        self._tally = tally
        self._leftovers = leftovers
        self._fields = fields
        self._fresh = fresh
        self._dim = dim

    def skip(self, documents: Iterator[list[Passage]]) -> Iterator[Passage]:
        """The passages that must be written, with the stored vector where that is still right."""
        for window in _windows(documents):
            if not window:
                yield PAUSE
                continue
            for passages in window:
                self._tally.expect(passages[0].document, len(passages))
            # An index that this run made holds nothing that this run did not write.
            yield from self._changed(window) if not self._fresh else _flat(window)

    def _changed(self, window: list[list[Passage]]) -> Iterator[Passage]:
        beyond = [passage_id(p[0].document.id, len(p)) for p in window]
        ours, strangers = self._stored([*(p.id for p in _flat(window)), *beyond])
        stored = {each: stamp for each, (_, stamp) in ours.items()}
        window = [passages for passages in window if not self._refused(passages, strangers)]
        for passages in window:
            if left := self._ours(_leftovers(passages, stored)):
                self._leftovers.hold(passages[0].document.number, left)
        same = [p for p in _flat(window) if _matches(p, stored.get(p.id))]
        self._tally.settle(same, Outcome.SKIPPED)
        unchanged = {p.id for p in same}
        changed = [p for p in _flat(window) if p.id not in unchanged]
        kept = self._vectors([p.id for p in changed if _encodes_same(p, stored.get(p.id))])
        for passage in changed:
            vector = kept.get(passage.id, passage.vector)
            seen, _ = ours.get(passage.id, (None, ""))
            yield replace(passage, vector=vector, replaces=seen)

    def _refused(self, passages: list[Passage], strangers: set[str]) -> bool:
        """Reject a document that would take the place of one that others wrote."""
        taken = next((p.id for p in passages if p.id in strangers), None)
        if taken is None:
            return False
        for passage in passages:
            self._tally.reject_passage(passage, TAKEN.format(taken))
        return True

    def _ours(self, ids: list[str]) -> list[Version]:
        fields = self._fields
        found = look_up_versions(self._client, ids, fields.content_hash, fields.document_id)
        return [version for version, source in found if wrote(version.id, source, fields)]

    def _stored(self, ids: list[str]) -> tuple[dict[str, tuple[Version, str]], set[str]]:
        """What Tandem wrote, each with its content hash, and the ids of what others did."""
        fields = self._fields
        found = look_up_versions(self._client, ids, fields.content_hash, fields.document_id)
        ours = {
            version.id: (version, str(source[fields.content_hash]))
            for version, source in found
            if wrote(version.id, source, fields)
        }
        return ours, {version.id for version, _ in found} - ours.keys()

    def _vectors(self, ids: list[str]) -> dict[str, Vector]:
        """Stored vectors, for passages of which only the metadata changed."""
        found = look_up(self._client, ids, self._fields.vector)
        made = {
            each: as_vector(source.get(self._fields.vector), self._dim)
            for each, source in found.items()
        }
        return {each: v for each, v in made.items() if not isinstance(v, VectorFault)}


def _windows(documents: Iterator[list[Passage]]) -> Iterator[list[list[Passage]]]:
    """Many at a time; none for a PAUSE."""
    window: list[list[Passage]] = []
    size = 0
    for passages in documents:
        if passages is PAUSE:
            if window:
                yield window
            yield []
            window, size = [], 0
            continue
        window.append(passages)
        size += len(passages)
        if size >= WINDOW:
            yield window
            window, size = [], 0
    if window:
        yield window


def _flat(window: list[list[Passage]]) -> Iterator[Passage]:
    return (passage for passages in window for passage in passages)


def _matches(passage: Passage, stored: str | None) -> bool:
    return passage.stamp == stored


def _encodes_same(passage: Passage, stored: str | None) -> bool:
    old, new = parse_stamp(stored), parse_stamp(passage.stamp)
    return old is not None and new is not None and old.encoded == new.encoded


def _leftovers(passages: list[Passage], stored: dict[str, str]) -> list[str]:
    """Ids beyond the new count, in order; the passage behind the last tells if a run was killed."""
    document_id = passages[0].document.id
    ids = [*(p.id for p in passages), passage_id(document_id, len(passages))]
    found: list[Stamp | None] = [parse_stamp(stored.get(each)) for each in ids]
    most = max((old.count for old in found if old), default=0)
    return [passage_id(document_id, n) for n in range(len(passages), most)]
