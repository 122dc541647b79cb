"""A copy of an index with vectors, current to the last change when the aliases move to it.

Nobody's writes are lost: what changes in the old index meanwhile is copied again, until little
does; then the old index takes no writes for a moment, in which the last changes are copied, what
was deleted is taken out, and all aliases move in one step.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from cluster.client.shards import silence
from cluster.errors import ClusterError
from ingest.errors import IncompleteError, IngestError, LostPlaceError
from ingest.index.existing.enrich.copied_index import CopiedIndex, Holder
from ingest.index.existing.enrich.counts import Counts
from ingest.index.existing.enrich.guarded import Outcome, Update, deleted, indexed, send
from ingest.index.existing.enrich.prepare import Prepared
from ingest.index.existing.enrich.texts import Item, Stream, Texts
from ingest.index.existing.enrich.walk import (
    EVERYTHING,
    Checkpoints,
    StoredDocument,
    checkpoints,
    walk,
)
from ingest.index.heartbeat import Heartbeat
from ingest.index.loading import OpenIndex, leave, mark_whole, restore
from ingest.records import PassageEncoder
from ingest.settings import Writing
from ingest.write.bulk import Budget
from ingest.write.client import IndexClient
from ingest.write.refresh import refresh
from mappings import uuid_in
from tandem.base.vectors import Vector
from tandem.base.wire import json_bytes, path_of

if TYPE_CHECKING:
    from cluster import Cluster

# So often what changed is copied again before writes are held, or until so few changed.
PASSES, FEW = 10, 100
# Since this version a source is shown without its vectors unless they are asked for.
_VECTORS_HIDDEN = (9, 2)


@dataclass
class Copy:
    """One copying; client: of the old index, which only reads, writer: of the new one.

    place: this run's place in the new index; failure: that it was lost.
    """

    cluster: Cluster
    client: IndexClient
    writer: IndexClient
    ready: Prepared
    place: OpenIndex
    encoder: PassageEncoder
    writing: Writing
    counts: Counts
    failure: list[IngestError] = field(default_factory=list)

    def __post_init__(self) -> None:
        texts = Texts(
            self.encoder,
            self.ready.record,
            self.ready.nested,
            lambda count: self.counts.add({"truncated": count}),
            self.ready.element,
        )
        largest = self.writer.largest_request(self.writing.max_bytes)
        self._texts, self._budget, self._refused = texts, Budget(largest), 0
        self._since: Checkpoints = {}
        can = self.cluster.capabilities
        hidden = can.distribution == "elasticsearch" and can.version >= _VECTORS_HIDDEN
        self._source: Any = {"exclude_vectors": False} if hidden else True
        # Documents went through the index's pipelines when they came.
        self.writer.bulk_params = {**self.writer.bulk_params, "pipeline": "_none"}

    def run(self) -> None:
        """Copy, catch up, and move the aliases."""
        try:
            with self._beating():
                self._fill()
            self._end()
        finally:
            with suppress(ClusterError):  # after an outage; the next run finds the note
                leave(self.cluster, self.place)

    @contextmanager
    def _beating(self) -> Iterator[None]:
        """Meanwhile this run gives signs of life, and nobody takes its place."""
        heartbeat = Heartbeat(self.cluster, self.place, self.failure.append)
        try:
            yield
        finally:
            heartbeat.stop()

    def _fill(self) -> None:
        self._catch_up(known=not self.place.created)
        for _ in range(PASSES):
            if self._catch_up() <= FEW:
                break
        self._take_out()
        self.writer.persist(lambda: restore(self.cluster, self.place))

    def _end(self) -> None:
        new = CopiedIndex(self.cluster, self.ready.index, self.place)
        with self._held(), self._nothing_refused():
            with self._beating():
                self._catch_up()
                self._take_out()
            self.writer.persist(new.put_final_pipeline)
            moved = self.writer.persist(new.take_aliases)
        self.writer.persist(new.forget_note)
        self.counts.aliases = moved

    @contextmanager
    def _nothing_refused(self) -> Iterator[None]:
        """What is inside is done, but for its last step, only where the copy is whole."""
        if self._refused:
            raise IncompleteError(
                f"the aliases of index {self.ready.index!r} stay where they are, because "
                f"{self._refused:,} of its documents were refused by {self.place.name!r}; see "
                f"{self.counts.report().rejects}, mend them and run the same command again."
            )
        yield

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Meanwhile the old index takes no writes, unless nothing moves from it.

        One that takes none anyway stays as it is.
        """
        description = self.cluster.get_index(self.ready.index)[self.ready.index]
        if not CopiedIndex.must_hold(description):
            yield
            return
        # By this the next run knows, should this one be killed, whose writes it is to give free.
        held = uuid_in(description)
        self.writer.persist(lambda: mark_whole(self.cluster, self.place, held))
        new = CopiedIndex(self.cluster, self.ready.index, self.place)
        began, late = time.monotonic(), False
        try:
            self.client.ask("PUT", path_of(self.ready.index, "_block", "write"))
            # A run that slept just before may have lost its place, and blocked for nobody.
            if late := self.writer.persist(new.holder) is not Holder.THIS:
                raise LostPlaceError(self.place.name)
            yield
        finally:
            holder = self.writer.persist(new.holder)
            if holder is Holder.THIS or (late and holder is Holder.NOBODY):
                path = path_of(self.ready.index, "_settings")
                self.client.ask("PUT", path, {"index.blocks.write": None})
                self.writer.persist(new.note_free_writes)
            self.counts.held = time.monotonic() - began

    def _catch_up(self, *, known: bool = False) -> int:
        """Copy what changed since the last time, at first all; how many there were.

        known: some of it may be there already, of a run that was broken off.
        """
        before, now = self.counts["read"], checkpoints(self.client)
        if now != self._since:
            Stream(
                self.encoder,
                self._texts,
                self._budget,
                self.writing.max_count,
                self._copied,
                self._send,
                self._bare,
                self._without_vector,
            ).run(self._items(known=known))
        self._since = now
        return self.counts["read"] - before

    def _items(self, *, known: bool) -> Iterator[list[Item]]:
        distribution, shards = self.cluster.capabilities.distribution, self.ready.shards
        pages = walk(self.client, distribution, shards, EVERYTHING, self._source, self._since)
        for page in pages:
            if self.failure:
                raise self.failure[0]
            items = [self._texts.item(found) for found in page]
            for item in items:
                if item.document:  # the whole document tells whether it is the same
                    rest = blake2b(json_bytes(item.found.source), digest_size=8).hexdigest()
                    item.mark = f"{item.mark}:{rest}"
            held = self._marks(page) if known else {}
            todo = [i for i in items if not i.mark or held.get(_key(i.found)) != i.mark]
            self.counts.add({"read": len(page), "current": len(page) - len(todo)})
            yield todo

    def _copied(self, item: Item, vectors: Sequence[Vector]) -> Update:
        more = self._texts.values(item, vectors) if vectors else {}
        return indexed(item.found, {**item.found.source, **more})

    def _without_vector(self, item: Item, why: str) -> None:
        """A document whose vector no cluster takes is copied as it was."""
        for update, outcome, refusal in self._sent([self._copied(item, ())]):
            told = refusal if outcome is Outcome.REFUSED else why
            self._refused += outcome is Outcome.REFUSED
            self.counts.reject(update.found.version.id, dict(update.found.source), told)

    def _bare(self, group: list[Update]) -> None:
        self.counts.add({"blank": self._accepted(group)})

    def _send(self, group: list[Update]) -> None:
        self.counts.add({"written": self._accepted(group)})

    def _accepted(self, group: list[Update]) -> int:
        taken = 0
        for update, outcome, why in self._sent(group):
            if outcome is Outcome.REFUSED:
                self._refused += 1
                self.counts.reject(update.found.version.id, dict(update.found.source), why)
            else:
                taken += 1
        return taken

    def _sent(self, group: list[Update]) -> Iterator[tuple[Update, Outcome, str]]:
        return send(self.writer, self._budget, group)

    def _take_out(self) -> None:
        """Take out of the copy what the old index no longer has.

        All that the old one has is in the copy, so that as many are the same.
        """
        if self._count(self.client) == self._count(self.writer):
            return
        distribution, shards = self.cluster.capabilities.distribution, self.ready.shards
        for page in walk(self.writer, distribution, shards, EVERYTHING, False):
            there = self._stored(self.client, page, False)
            gone = [deleted(found) for found in page if _key(found) not in there]
            for _ in self._sent(gone):
                self.counts.add({"deleted": 1})

    @staticmethod
    def _count(client: IndexClient) -> int:
        refresh(client)
        return int(client.ask("POST", path_of(client.index, "_count"), doubt=silence)["count"])

    def _marks(self, page: Sequence[StoredDocument]) -> dict[tuple[str, str | None], Any]:
        name = self.ready.record.fields.content_hash
        stored = self._stored(self.writer, page, [name])
        return {key: source.get(name) for key, source in stored.items()}

    @staticmethod
    def _stored(
        client: IndexClient, page: Sequence[StoredDocument], source: Any
    ) -> dict[tuple[str, str | None], Mapping[str, Any]]:
        """Those of a page that an index holds, with some of their fields."""
        docs = [
            {"_id": found.version.id, "_source": source}
            | ({"routing": found.version.routing} if found.version.routing is not None else {})
            for found in page
        ]

        def doubt(answer: dict[str, Any]) -> str | None:
            ids = [doc["_id"] for doc in answer["docs"]]
            same = ids == [found.version.id for found in page]
            wrong = not same or any("error" in doc for doc in answer["docs"])
            return "not all documents were looked up" if wrong else None

        answer = client.ask("POST", path_of(client.index, "_mget"), {"docs": docs}, doubt=doubt)
        pairs = zip(page, answer["docs"], strict=True)
        return {_key(found): doc.get("_source") or {} for found, doc in pairs if doc["found"]}


def _key(found: StoredDocument) -> tuple[str, str | None]:
    """What one document is told from others by."""
    return found.version.id, found.version.routing
