"""One ingestion from end to end: check, load in overlapping stages, restore, verify."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.errors import ClusterError
from ingest.errors import IncompleteError, IndexRefusedError, IngestError, OutageError
from ingest.index.aliases.alias import check_whole
from ingest.index.heartbeat import Heartbeat
from ingest.read.rejects import RejectsFile, mode_for
from ingest.read.rows import Rows, Source
from ingest.read.sources.files import shown
from ingest.records import PassageEncoder
from ingest.run import finish
from ingest.run.batch.pipeline import Job, Pipeline, writing_client
from ingest.run.batch.runner import Runner, load_elsewhere
from ingest.run.batch.stages import Clock, Flow, wait_for
from ingest.run.deduplicate import Deduplicator, Seen
from ingest.run.lease import Lease, take_lease
from ingest.run.plan import Plan, checked, fitter_for
from ingest.run.removal.prune import check_prunable, prune
from ingest.tally import Report, Tally
from ingest.write.client import IndexClient
from ingest.write.lookup import Sample
from ingest.write.outage import telling
from mappings import Shape
from tandem.base.arguments import checked_arguments

if TYPE_CHECKING:
    from cluster import Cluster

REPORT_SECONDS = 0.2
RESTORE_SECONDS = 5.0  # for which a second interrupt waits for settings to be restored
OnReport = Callable[[Report], None]


@checked_arguments(IngestError)
def ingest(
    source: Source,
    *,
    cluster: Cluster,
    encoder: PassageEncoder,
    index: str | None = None,
    alias: str | None = None,
    shape: Shape | None = None,
    plan: Plan | None = None,
    on_progress: OnReport | None = None,
    runner: Runner | None = None,
) -> Report:
    """Encode documents and write them into an index, which is created where it is not there.

    source: a path, `-`, a glob, a BEIR folder, several of these, an iterable of dicts, data classes
    or pydantic models, or a table of pandas, polars, Arrow or `datasets`; no documents give zeros.
    index: where to write; or alias: fill a new index and point it there at the end. shape: of a new
    index. on_progress: gets the Report five times a second and at the end; runner: loads elsewhere.

    Running it again writes and encodes only what is new or changed. Raises IngestError, the
    encoder's and the cluster's errors; KeyboardInterrupt after what was encoded is written.
    """
    plan = plan or Plan()
    plan = replace(plan, shape=shape) if shape else plan
    rows = checked(source, plan, alias)
    flow, most, tell = Flow(), plan.writing.max_outage, on_progress or (lambda report: None)
    client = IndexClient(cluster, str(index or alias), flow.pause, most)
    client.pause = telling(flow.pause, lambda: tell(_begun(client)))
    with runner.ready(rows, encoder) if runner else nullcontext():
        lease, run = take_lease(cluster, client, encoder, plan, index, alias), None
        try:
            run = _Run(rows, lease, flow, encoder, lease.plan, tell, runner)
            run.load()
            run.finish()
        except KeyboardInterrupt:
            most = min(most, plan.writing.interrupt_outage)
            raise
        finally:
            run.close(most) if run else lease.withdraw(client)
        return run.report()


def _begun(client: IndexClient) -> Report:
    return Report(client.index, outage=client.outage.told())


class _Run:
    """The parts of one ingestion and their joints."""

    def __init__(
        self,
        rows: Rows,
        lease: Lease,
        flow: Flow,
        encoder: PassageEncoder,
        plan: Plan,
        on_progress: OnReport,
        runner: Runner | None,
    ) -> None:
        self._runner = runner
        self._rows, self._lease, self._flow = rows, lease, flow
        self._encoder, self._plan, self._on_progress = encoder, plan, on_progress
        self._clock, self._seen, self._sample, self._index = Clock(), Seen(), Sample(), lease.index
        pause, self._caller = telling(flow.pause, self._tell_caller), threading.get_ident()
        most = plan.writing.max_outage
        self._client = writing_client(lease.cluster, lease.index, pause, most)
        self._outage = self._client.outage
        path = Path(plan.rejects or rows.rejects_path)
        self._rejects = RejectsFile(path, mode_for(rows.paths, path))
        self._rejects.reach()
        self._tally = Tally(lease.index.name, self._rejects, plan.max_rejects)
        self._ending = finish.Ending()
        self._notes: list[str] = []
        self._deduplicator = Deduplicator(
            rows, plan.reading, lease.index.fields, self._seen, self._tally, self._flow.stopping
        )
        self._heartbeat = Heartbeat(lease.cluster, lease.index, flow.fail)
        # Nothing is left to be done in the index.
        self._ended = False

    def _work(self) -> None:
        lease, index, plan, stopping = self._lease, self._index, self._plan, self._flow.stopping
        fitter, said = fitter_for(lease.cluster, index, self._encoder, self._rows, plan, stopping)
        self._notes.extend(said)
        clock, tally, sample = self._clock, self._tally, self._sample
        encoder, flow = self._encoder, self._flow
        job = Job(lease.cluster, index, plan, encoder, fitter, flow, clock, tally, sample)
        if self._runner:
            load_elsewhere(self._runner, job, self._client, self._rows, self._seen)
        else:
            Pipeline(job, self._client, self._deduplicator).run()

    def load(self) -> None:
        """Read, split, skip, encode and write until the source ends.

        Ctrl-C writes what is encoded and raises KeyboardInterrupt; a second one ends at once.
        """
        self._lease.rehearse(self._client)
        done = self._flow.background(self._work)
        interrupted = False
        while not done.is_set():
            try:
                wait_for(done, REPORT_SECONDS)
                self._on_progress(self.report())
                if interrupted and self._outage.seconds > self._plan.writing.interrupt_outage:
                    raise KeyboardInterrupt  # what is encoded is not taken
            except KeyboardInterrupt:
                if interrupted:
                    self._flow.cancelled.set()
                    raise
                interrupted = True
                self._flow.stopping.set()
                self._ending.finishing = "ending (Ctrl-C again: at once)"
        if self._flow.error:
            raise self._flow.error
        if interrupted:
            raise KeyboardInterrupt
        if self._deduplicator.damage:
            raise self._deduplicator.damage

    def finish(self) -> None:
        """After a complete load: prune, merge, restore, verify, and switch the alias."""
        if left := self.report().unfinished:
            raise IncompleteError(
                f"{left:,} documents were read and not accounted for, which is a defect in Tandem: "
                "run the same command again, which writes what is missing."
            )
        finish.check_same(self._lease.cluster, self._index)
        if kept := self._rejects.retire():
            old = shown(self._rejects.path)
            self._notes.append(
                f"nothing was rejected: {old} of an earlier run is {shown(kept)} now."
            )
        self._prune()
        if self._plan.force_merge:
            self._tell("merging into one segment")
            if unmerged := finish.merge(self._client, self._index):
                self._notes.append(unmerged)
        self._tell("counting what is stored")
        self._lease.restore(self._client)
        self._sample.check(self._client, self._index.fields)
        self._ending.held = finish.verify(self._client, self._index, self._tally.stored)
        if alias := self._lease.alias:
            check_whole(alias, self.report(), self._plan.max_rejects)
        self._heartbeat.stop()
        if alias:
            older = self._lease.go_live(self._client)
            self._notes.extend(older.notes)
            self._ending.alias, self._ending.deleted = alias, older.gone
        self._lease.leave(self._client)
        self._ended = True

    def _tell(self, finishing: str) -> None:
        """Say what is being done now that the last document is stored: it may take long."""
        self._on_progress(replace(self.report(), finishing=finishing))

    def _tell_caller(self) -> None:
        """Report in a pause of the thread that nobody else reports for."""
        if threading.get_ident() == self._caller:
            self._on_progress(self.report())

    def _prune(self) -> None:
        confirm, limit = self._plan.confirm_prune, self._plan.max_prune
        if self._lease.alias and not self._index.created:
            # An interrupted load was continued, and its source may have changed in between. What it
            # lacks now must not go live; the index is not in use yet, so nobody is asked. Without a
            # document in it, the source went wrong and the index will not go live.
            confirm = (lambda count, sample: True) if self._tally.report().read else None
            limit = None
        elif confirm:
            check_prunable(self._tally.report().read, self._tally.anonymous_rejects)
        if confirm:
            self._tell("looking for documents to remove")
            fields = self._index.fields
            note = prune(self._client, fields, self._seen, self._tally, confirm, limit)
            self._notes += [note] if note else []

    def close(self, patience: float) -> None:
        """In every ending: the lease of the index given up, files closed.

        patience: seconds for which the cluster may accept nothing. An interrupt does not keep it
        from that, unless it takes too long.
        """
        self._ending.seconds, self._ending.finishing = self._clock.seconds, None
        flow, deadline = Flow(), math.inf
        done = flow.background(lambda: self._end(flow, patience))
        while not done.is_set() and time.monotonic() < deadline:
            try:
                wait_for(done, REPORT_SECONDS)
                with suppress(Exception):  # whatever becomes of the report, this is to be done
                    self._on_progress(self.report())
            except KeyboardInterrupt:
                deadline = min(deadline, time.monotonic() + RESTORE_SECONDS)
        error = flow.error
        if error and (self._ended or not isinstance(error, ClusterError | IngestError)):
            raise error
        if error or not done.is_set():
            flow.cancelled.set()
            why = f", because {str(error).rstrip('.')}" if error else ""
            if not isinstance(error, IndexRefusedError):  # which says what to do
                why += "; the next run there ends it, and restores settings that are relaxed"
            self._notes.append(f"index {self._index.name!r} keeps the note of this load{why}.")
        self._on_progress(self.report())

    def _end(self, flow: Flow, patience: float) -> None:
        try:
            self._rows.position.stopped.set()
            self._flow.end()
            self._heartbeat.stop()
            if not self._ended:
                # After an outage the cluster had its time.
                patience = 0.0 if isinstance(self._flow.error, OutageError) else patience
                client = IndexClient(self._lease.cluster, self._index.name, flow.pause, patience)
                self._outage = client.outage
                self._lease.withdraw(client, empty=not self._tally.stored)
        finally:
            self._rejects.close()
            self._seen.close()

    def report(self) -> Report:
        """The counts so far."""
        counts, ending = self._tally.report(), self._ending
        share = self._runner.share if self._runner else self._rows.position.share
        finished = counts.read / max(1, counts.read + counts.unfinished)
        sayings = (
            self._index.warnings,
            self._rows.warnings,
            self._deduplicator.warnings,
            self._notes,
        )
        return replace(
            counts,
            unfinished=counts.unfinished + self._rows.waiting,
            seconds=self._clock.seconds if ending.seconds is None else ending.seconds,
            retries=counts.retries + self._client.retries,
            outage=self._outage.told(),
            # Reading is ahead of writing, by minutes where encoding is slow.
            done=None if share is None else share * finished,
            stages=self._clock.shares(),
            preparation=getattr(self._encoder, "preparation", {}),
            held=ending.held,
            finishing=ending.finishing or (self._runner.preparing if self._runner else None),
            alias=ending.alias,
            deleted=ending.deleted,
            warnings=tuple(chain.from_iterable(sayings)),
        )
