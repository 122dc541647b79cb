"""Look up what is stored, many passages at a time, and let through only what must be written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ingest.identity import Stamp, parse_stamp, passage_id
from ingest.leftovers import Leftovers
from ingest.link import Link
from ingest.records import Passage
from ingest.tally import Outcome, Tally
from mappings import Fields

# Passages in one look-up: an answer of about 100 bytes each.
WINDOW = 256


class Skipper:
    """Compares stamps with those in the index.

    Look-ups are by `_mget`, which sees what was written a moment ago, refreshed or not. A request
    whose answer was lost may have been carried out: the next run's look-up settles it.
    """

    def __init__(
        self,
        link: Link,
        tally: Tally,
        leftovers: Leftovers,
        fields: Fields,
        *,
        fresh: bool,
        dim: int,
    ) -> None:
        self._link = link
        self._tally = tally
        self._leftovers = leftovers
        self._fields = fields
        self._fresh = fresh
        self._dim = dim

    def skip(self, documents: Iterator[list[Passage]]) -> Iterator[Passage]:
        """The passages that must be written, with the stored vector where that is still right."""
        for window in _windows(documents):
            for passages in window:
                self._tally.expect(passages[0].document, len(passages))
            # An index that this run made holds nothing that this run did not write.
            yield from self._changed(window) if not self._fresh else _flat(window)

    def _changed(self, window: list[list[Passage]]) -> Iterator[Passage]:
        beyond = [passage_id(p[0].document.id, len(p)) for p in window]
        stored = self._stamps([*(p.id for p in _flat(window)), *beyond])
        for passages in window:
            if names := _leftovers(passages, stored):
                self._leftovers.hold(passages[0].document.number, names)
        same = [p for p in _flat(window) if _matches(p, stored.get(p.id))]
        self._tally.settle(same, Outcome.SKIPPED)
        unchanged = {p.id for p in same}
        changed = [p for p in _flat(window) if p.id not in unchanged]
        kept = self._vectors([p.id for p in changed if _encodes_same(p, stored.get(p.id))])
        for passage in changed:
            vector = kept.get(passage.id)
            yield passage if vector is None else replace(passage, vector=vector)

    def _stamps(self, ids: list[str]) -> dict[str, str]:
        found = self._get(ids, self._fields.content_hash)
        return {each: source.get(self._fields.content_hash, "") for each, source in found.items()}

    def _vectors(self, ids: list[str]) -> dict[str, Any]:
        """Stored vectors, for passages of which only the metadata changed."""
        found = self._get(ids, self._fields.vector) if ids else {}
        vectors = {each: source.get(self._fields.vector) for each, source in found.items()}
        return {
            each: np.asarray(vector, dtype=np.float32)
            for each, vector in vectors.items()
            if isinstance(vector, list) and len(vector) == self._dim
        }

    def _get(self, ids: list[str], field: str) -> dict[str, dict[str, Any]]:
        answer = self._link.ask(
            "POST",
            f"/{self._link.index}/_mget",
            {"ids": ids},
            _source_includes=field,
            filter_path="docs._id,docs.found,docs._source",
        )
        return {d["_id"]: d.get("_source", {}) for d in answer.get("docs", []) if d.get("found")}


def _windows(documents: Iterator[list[Passage]]) -> Iterator[list[list[Passage]]]:
    window: list[list[Passage]] = []
    size = 0
    for passages in documents:
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
