"""Vectors for documents in place, while others change them: nobody's change is overwritten."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ingest.index.existing.enrich.counts import Counts
from ingest.index.existing.enrich.guarded import Outcome, Update, guarded, send
from ingest.index.existing.enrich.prepare import Prepared
from ingest.index.existing.enrich.texts import Item, Stream, Texts
from ingest.index.existing.enrich.walk import Checkpoints, StoredDocument, checkpoints, walk
from ingest.records import PassageEncoder, wrote
from ingest.settings import Writing
from ingest.write.bulk import Budget
from ingest.write.client import IndexClient
from ingest.write.refresh import refresh
from tandem.base.vectors import Vector

if TYPE_CHECKING:
    from cluster import Cluster

# What changed while it was encoded is looked at again, so often; then the next run does.
PASSES = 5
# Seconds between two looks at an index that is followed.
FOLLOW_SECONDS = 5.0
_IDS = 1000

Query = Mapping[str, Any]


@dataclass
class InPlace:
    """One enrichment; again: ids of what changed between being read and being written."""

    cluster: Cluster
    client: IndexClient
    ready: Prepared
    encoder: PassageEncoder
    writing: Writing
    counts: Counts
    again: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._texts = Texts(
            self.encoder,
            self.ready.record,
            self.ready.nested,
            lambda count: self.counts.add({"truncated": count}),
            self.ready.element,
        )
        self._budget = Budget(self.client.largest_request(self.writing.max_bytes))

    def look(self, query: Query) -> None:
        """Count what lacks a current vector."""
        for page in self._pages(query):
            self.counts.add({"lacking": len(self._todo(page, first=True))})

    def all(self, query: Query) -> None:
        """Enrich, look again at what changed meanwhile, and show the vectors to searches."""
        self._pass([self._items(query, first=True)])
        self._look_again(query)
        refresh(self.client)

    def follow(self, query: Query) -> None:
        """Enrich, and from then on what is new or changed, until interrupted."""
        since = checkpoints(self.client)
        try:
            self.all(query)
            while True:
                self.client.pause(FOLLOW_SECONDS)
                now = checkpoints(self.client)
                if now != since:
                    self._pass([self._new_items(query, since)])
                    self._look_again(query)
                since = now
        except KeyboardInterrupt:
            return

    def _look_again(self, query: Query) -> None:
        for _ in range(PASSES - 1):
            if not (ids := self.again):
                break
            self.again = []
            parts = [ids[at : at + _IDS] for at in range(0, len(ids), _IDS)]
            chosen = [{"bool": {"filter": [query, {"ids": {"values": p}}]}} for p in parts]
            before = self.counts.settled
            self._pass(self._items(each, first=False) for each in chosen)
            # What is no longer found was deleted, or is none of the query's any more.
            gone = len(ids) - len(self.again) - (self.counts.settled - before)
            self.counts.add({"gone": gone})
        self.counts.add({"changed": len(self.again)})
        self.again = []

    def _pages(
        self, query: Query, since: Checkpoints | None = None
    ) -> Iterator[list[StoredDocument]]:
        distribution = self.cluster.capabilities.distribution
        return walk(
            self.client, distribution, self.ready.shards, query, self._texts.read, since or {}
        )

    def _items(self, query: Query, *, first: bool) -> Iterator[list[Item]]:
        for page in self._pages(query):
            yield self._todo(page, first=first)

    def _new_items(self, query: Query, since: Checkpoints) -> Iterator[list[Item]]:
        """What changed since, of which our own updates are most and no longer counted."""
        for page in self._pages(query, since):
            todo = [item for item in map(self._texts.item, page) if self._lacks(item)]
            self.counts.add({"read": len(todo)})
            yield todo

    def _lacks(self, item: Item) -> bool:
        """Whether it has no vector of its text, or one without a text."""
        fields, source = self.ready.record.fields, item.found.source
        if wrote(item.found.version.id, source, fields):
            return False  # Tandem's own, which an ingestion keeps
        held = source.get(fields.content_hash) or ""
        return str(held).partition(":")[0] != item.mark

    def _todo(self, page: Sequence[StoredDocument], *, first: bool) -> list[Item]:
        todo, blank, fields = [], 0, self.ready.record.fields
        for item in map(self._texts.item, page):
            if self._lacks(item):
                todo.append(item)
            elif not item.document and not wrote(item.found.version.id, item.found.source, fields):
                blank += 1
        read, current = len(page) if first else 0, len(page) - len(todo) - blank
        self.counts.add({"current": current, "blank": blank, "read": read})
        return todo

    def _pass(self, parts: Iterable[Iterator[list[Item]]]) -> None:
        stream = Stream(
            self.encoder,
            self._texts,
            self._budget,
            self.writing.max_count,
            self._update,
            self._send,
            self._send,
            lambda item, why: self._reject(item.found, why),
        )
        stream.run(page for pages in parts for page in pages)

    def _update(self, item: Item, vectors: Sequence[Vector]) -> Update:
        return guarded(item.found, self._texts.values(item, vectors))

    def _send(self, group: list[Update]) -> None:
        counts = dict.fromkeys((Outcome.WRITTEN, Outcome.GONE), 0)
        for update, outcome, why in send(self.client, self._budget, group):
            if outcome is Outcome.CHANGED:
                self.again.append(update.found.version.id)
            elif outcome is Outcome.REFUSED:
                self._reject(update.found, why)
            else:
                counts[outcome] += 1
        self.counts.add({"written": counts[Outcome.WRITTEN], "gone": counts[Outcome.GONE]})

    def _reject(self, found: StoredDocument, why: str) -> None:
        self.counts.reject(found.version.id, dict(found.source), why)
