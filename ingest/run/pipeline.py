"""The stages of a load and their joints: each runs in its own thread, a bounded part ahead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest.index.loading import OpenIndex
from ingest.passages.encode import encode
from ingest.passages.precomputed import with_precomputed
from ingest.passages.skip import Leftovers, Skipper
from ingest.passages.split import Splitter
from ingest.read.rows import Rows
from ingest.records import Action, Passage, PassageEncoder
from ingest.run.deduplicate import Deduplicator
from ingest.run.plan import Plan, fitter_for
from ingest.run.stages import Clock, Flow
from ingest.tally import Tally
from ingest.write.bulk import Budget, Sender, actions, requests
from ingest.write.client import IndexClient
from ingest.write.lookup import Sample

if TYPE_CHECKING:
    from cluster import Cluster

# Documents, passages and requests that may wait between stages: what bounds the memory.
READ_AHEAD = 64
DOCUMENTS_AHEAD = 128
PASSAGES_AHEAD = 256
REQUESTS_AHEAD = 2


def _characters(passage: Passage) -> int:
    return len(passage.encoded)


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """Read, split, skip, encode, write; notes: gets what is to be said of the first documents."""

    cluster: Cluster
    index: OpenIndex
    rows: Rows
    plan: Plan
    encoder: PassageEncoder
    client: IndexClient
    flow: Flow
    clock: Clock
    tally: Tally
    deduplicator: Deduplicator
    sample: Sample
    notes: list[str]

    def run(self) -> None:
        """Until the source ends, or the run does."""
        plan, clock, flow = self.plan, self.clock, self.flow
        self.deduplicator.fitter, said = fitter_for(
            self.cluster, self.index, self.encoder, self.rows, plan, flow.stopping
        )
        self.notes.extend(said)
        largest = self.client.largest_request(plan.writing.max_bytes)
        sender = Sender(self.client, self.index.fields, self.tally, Budget(largest), self.sample)
        leftovers = Leftovers(self.client, self.tally)

        def deliver(group: list[Action]) -> None:
            sender.deliver(group)
            leftovers.sweep()

        packed = actions(clock.waited(self._encoded(leftovers), "pack"), self.index.fields)
        groups = clock.timed("pack", requests(packed, plan.writing))
        groups = flow.buffered(groups, REQUESTS_AHEAD, drains=True)
        threads = plan.writing.in_flight
        flow.workers(
            threads, groups, lambda group: clock.measure("write", lambda: deliver(group), threads)
        )
        # Of documents that needed no writing, because a killed run had written them.
        leftovers.sweep()

    def _encoded(self, leftovers: Leftovers) -> Iterator[Passage]:
        """What is to be written, with its vectors."""
        clock, flow = self.clock, self.flow
        changed = flow.buffered(
            self._changed(leftovers), PASSAGES_AHEAD, drains=False, weigh=_characters
        )
        changed = clock.waited(changed, "encode")
        return flow.joined(
            lambda pass_by: clock.timed(
                "encode", encode(changed, self.encoder, self.tally, flow.stopping, pass_by)
            ),
            PASSAGES_AHEAD,
            drains=True,
            weigh=_characters,
            pauses=True,
        )

    def _changed(self, leftovers: Leftovers) -> Iterator[Passage]:
        """Read, split, and skip what is stored."""
        clock, fields = self.clock, self.index.fields
        splitter = Splitter(self.encoder, self.plan.splitting, fields, self._count_truncated)
        fresh, dim = self.index.created, self.encoder.dim
        skipper = Skipper(self.client, self.tally, leftovers, fields, fresh=fresh, dim=dim)
        documents = self.flow.buffered(
            clock.timed("read", self.deduplicator.documents()),
            READ_AHEAD,
            drains=False,
            weigh=lambda each: len(each.text),
            pauses=True,
        )
        documents = clock.waited(documents, "split")
        split = with_precomputed(splitter.split(documents), dim, self.tally)
        split = clock.timed("split", split)
        split = self.flow.buffered(
            split, DOCUMENTS_AHEAD, drains=False, weigh=lambda each: sum(map(_characters, each))
        )
        return clock.timed("skip", skipper.skip(clock.waited(split, "skip")))

    def _count_truncated(self, by: int) -> None:
        self.tally.count("truncated", by)
