"""The stages of a load and their joints: each runs in its own thread, a bounded part ahead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ingest.index.loading import OpenIndex
from ingest.index.types.fit import Fitter
from ingest.passages.encode import encode
from ingest.passages.precomputed import with_precomputed
from ingest.passages.skip import Leftovers, Skipper
from ingest.passages.split import Splitter
from ingest.records import Action, Passage, PassageEncoder
from ingest.run.batch.stages import Clock, Flow
from ingest.run.deduplicate import Deduplicator
from ingest.run.plan import Plan
from ingest.tally import Tally
from ingest.write.bulk import Budget, Sender, actions, requests
from ingest.write.client import IndexClient
from ingest.write.lookup import Sample
from ingest.write.outage import Pause

if TYPE_CHECKING:
    from cluster import Cluster

# Documents, passages and requests that may wait between stages: what bounds the memory.
READ_AHEAD = 64
DOCUMENTS_AHEAD = 128
PASSAGES_AHEAD = 256
REQUESTS_AHEAD = 2


def writing_client(
    cluster: Cluster, index: OpenIndex, pause: Pause, max_outage: float
) -> IndexClient:
    """What writes into an open index: by its lease alone, and past a pipeline that would encode."""
    return IndexClient(cluster, index.name, pause, max_outage, index.lease, index.bypass)


def _characters(passage: Passage) -> int:
    return len(passage.encoded)


@dataclass(frozen=True)
class Job:
    """What all batches of a run have in common, and what keeps account of them.

    fitter: by the types of the index; tally, sample and clock: of the run, or of one batch; turn:
    held while its passages are encoded; largest: bytes of a request that every node takes, None to
    ask for it.
    """

    cluster: Cluster
    index: OpenIndex
    plan: Plan
    encoder: PassageEncoder
    fitter: Fitter
    flow: Flow
    clock: Clock
    tally: Tally
    sample: Sample
    turn: AbstractContextManager[Any] = field(default_factory=nullcontext)
    largest: int | None = None


@dataclass(frozen=True)
class Pipeline:
    """Split, skip, encode and write the documents of a deduplicator."""

    job: Job
    client: IndexClient
    deduplicator: Deduplicator

    def run(self) -> None:
        """Until the rows end, or the run does."""
        plan, clock, flow, tally = self.job.plan, self.job.clock, self.job.flow, self.job.tally
        self.deduplicator.fitter = self.job.fitter
        largest = self.job.largest or self.client.largest_request(plan.writing.max_bytes)
        sender = Sender(self.client, self.job.index.fields, tally, Budget(largest), self.job.sample)
        leftovers = Leftovers(self.client, tally)

        def deliver(group: list[Action]) -> None:
            sender.deliver(group)
            leftovers.sweep()

        index, encoded = self.job.index, clock.waited(self._encoded(leftovers), "pack")
        packed = actions(encoded, index.fields, index.element)
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
        job, clock, flow = self.job, self.job.clock, self.job.flow
        changed = flow.buffered(
            self._changed(leftovers), PASSAGES_AHEAD, drains=False, weigh=_characters
        )
        changed = clock.waited(changed, "encode")

        def vectors(pass_by: Callable[[Passage], None]) -> Iterator[Passage]:
            made = encode(changed, job.encoder, job.tally, flow.stopping, pass_by)
            with job.turn:
                yield from clock.timed("encode", made)

        return flow.joined(
            vectors,
            PASSAGES_AHEAD,
            drains=True,
            weigh=_characters,
            pauses=True,
        )

    def _changed(self, leftovers: Leftovers) -> Iterator[Passage]:
        """Read, split, and skip what is stored."""
        job, clock, fields = self.job, self.job.clock, self.job.index.fields
        splitter = Splitter(job.encoder, job.plan.splitting, fields, self._count_truncated)
        fresh, dim = job.index.created, job.encoder.dim
        skipper = Skipper(self.client, job.tally, leftovers, fields, fresh=fresh, dim=dim)
        documents = job.flow.buffered(
            clock.timed("read", self.deduplicator.documents()),
            READ_AHEAD,
            drains=False,
            weigh=lambda each: len(each.text),
            pauses=True,
        )
        documents = clock.waited(documents, "split")
        split = with_precomputed(splitter.split(documents), dim, job.tally)
        split = clock.timed("split", split)
        split = job.flow.buffered(
            split, DOCUMENTS_AHEAD, drains=False, weigh=lambda each: sum(map(_characters, each))
        )
        return clock.timed("skip", skipper.skip(clock.waited(split, "skip")))

    def _count_truncated(self, by: int) -> None:
        self.job.tally.count("truncated", by)
