"""A batch of rows by itself: all that a run does with them, and a result that adds up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.index.loading import OpenIndex
from ingest.index.types.fit import Fitter
from ingest.records import PassageEncoder, Reject, Row
from ingest.run.batch.pipeline import Job, Pipeline, writing_client
from ingest.run.batch.stages import Clock, Flow, wait_for
from ingest.run.deduplicate import Deduplicator, Ids, Seen
from ingest.run.plan import Plan
from ingest.settings import RejectLimit
from ingest.tally import Rejects, Report, Stage, Tally
from ingest.write.lookup import Sample, Sampled

if TYPE_CHECKING:
    from cluster import Cluster

LOOK_SECONDS = 0.2
# Whether there are too many is seen over all batches.
_ANY_NUMBER = RejectLimit(share=1.0)


@dataclass(frozen=True)
class Batch:
    """What became of a batch of rows, ready to be sent to who keeps account of all.

    report: of its documents; rejects: those of them that were refused; stored: passages that are in
    the index now; sample: of what was written; spent: seconds that each stage was busy.
    """

    report: Report
    rejects: Sequence[Reject] = ()
    stored: int = 0
    sample: Sampled = field(default_factory=Sampled)
    spent: Mapping[Stage, float] = field(default_factory=dict)

    def add_to(self, job: Job, workers: int = 1) -> None:
        """Count it among what a run's job did so far, with so many workers at a time.

        Raises TooManyRejectsError.
        """
        job.sample.join(self.sample)
        for stage, seconds in self.spent.items():
            job.clock.add(stage, seconds, workers)
        job.tally.add(self.report, self.rejects, self.stored)


class RejectRows(Rejects):
    """Rejects kept as rows."""

    def __init__(self) -> None:
        self.path = Path("the rejects")
        self.rows: list[Reject] = []
        self.written = 0

    def write(self, reject: Reject) -> None:
        """Keep one more."""
        self.rows.append(reject)
        self.written += 1


def load_batch(
    rows: Iterable[Row | Reject],
    *,
    cluster: Cluster,
    encoder: PassageEncoder,
    index: OpenIndex,
    plan: Plan,
    fitter: Fitter | None = None,
    ids: Ids | None = None,
    turn: AbstractContextManager[Any] | None = None,
    largest: int | None = None,
) -> Batch:
    """Make documents of rows, and split, skip, encode and write them, as a whole run does.

    index: open, and of the run, which opens and ends it; fitter: by the types of the index, None
    lets the cluster refuse what does not fit; ids: of what came before, None for nothing; turn: a
    lock for batches that one encoder encodes in turn, so that it goes on while another is written;
    largest: bytes of a request that every node takes, None to ask for it. No rows give zeros. A
    batch that is done twice is written once, and skipped.

    Raises the encoder's and the cluster's errors, OutageError, BlockedError, IndexRefusedError, and
    LostPlaceError where another run has the index; too many rejects are for the run to refuse.
    """
    rejects, flow, seen, clock = RejectRows(), Flow(), Seen(), Clock()
    tally, sample, fitter = Tally(index.name, rejects, _ANY_NUMBER), Sample(), fitter or Fitter({})
    turn = turn or nullcontext()
    job = Job(cluster, index, plan, encoder, fitter, flow, clock, tally, sample, turn, largest)
    client = writing_client(cluster, index, flow.pause, plan.writing.max_outage)
    first = Deduplicator(rows, plan.reading, index.fields, ids or seen, tally, flow.stopping)
    try:
        done = flow.background(Pipeline(job, client, first).run)
        while not done.is_set():
            wait_for(done, LOOK_SECONDS)
    finally:
        flow.end()
        seen.close()
    if error := flow.error or first.damage:
        raise error
    told = replace(tally.report(), retries=client.retries, seconds=clock.seconds, rejects=None)
    return Batch(told, tuple(rejects.rows), tally.stored, sample.taken(), clock.spent)
