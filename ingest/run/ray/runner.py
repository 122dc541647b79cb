"""A run's batches on Ray Data: files are read in parallel, and loaded by workers with a model each.

Every file is read twice. At first for its ids alone: 24 bytes of each document come to the run,
which so knows, as a local run does, which come twice, what to prune, and how much there is to do.
Then for its rows, of which Ray holds back as many as the workers are not ready for.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ingest.errors import IngestError
from ingest.read.rows import Rows
from ingest.records import PassageEncoder
from ingest.run.batch.batch import Batch
from ingest.run.batch.pipeline import Job
from ingest.run.batch.stages import Flow
from ingest.run.deduplicate import Seen
from ingest.run.ray.ids import IdsPass
from ingest.run.ray.parts import Failure, FileJob, Reach, Setup
from ingest.run.ray.reading import chunks, looked_for, together
from ingest.run.ray.session import MOST_SILENT, RaySession, watched
from ingest.run.ray.start import check_installed, started
from ingest.run.ray.worker import CALLS, Worker
from tandem.base.arguments import checked_arguments

if TYPE_CHECKING:
    from cluster import Cluster

# Bytes of a block of Ray's: one chunk, so that a kill costs no more, and progress comes often.
BLOCK = 64_000
# So often a chunk, or the reading of one file, that ended its process is given to another.
RETRIES = 3


@checked_arguments(IngestError)
@dataclass(kw_only=True)
class RayRunner:
    """Loads batches on Ray.

    connect and load_encoder: make a Cluster and the encoder in another process, which gets them
    pickled, credentials included; address: of a Ray cluster, HOST, HOST:PORT or `auto`, None for
    one of this machine that lives as long as the run; workers: None for one on each machine, or for
    each `worker_gpus`; worker_gpus: of each, 0 to encode on CPUs.
    """

    # As in Reach, not in a repr.
    connect: Callable[[], Cluster] = field(repr=False)
    load_encoder: Callable[[], PassageEncoder]
    address: str | None = None
    workers: int | None = None
    worker_gpus: float = 0.0
    _there: RaySession | None = field(default=None, init=False)
    _first: IdsPass | None = field(default=None, init=False)
    _job: Job | None = field(default=None, init=False)

    @property
    def share(self) -> float | None:
        """As of `Runner`: all of it is taken before the first of it is loaded."""
        return None if self._job is None else 1.0

    @property
    def preparing(self) -> str | None:
        """As of `Runner`."""
        if self._first is None or self._job is not None:
            return None
        return f"reading ids: {self._first.documents:,}"

    @contextmanager
    def ready(self, rows: Rows, encoder: PassageEncoder) -> Iterator[None]:
        """As of `Runner`."""
        check_for_ray(rows)
        with started(self.address, self.workers) as there:
            there.share_out(self.workers, self.worker_gpus)
            if self.address:
                files = looked_for(rows.files, rows.reading)
                there.check_machines(self._reach(encoder, there), files)
            self._there = there
            try:
                yield
            finally:
                there.stop()
                self._there = self._first = self._job = None

    def _reach(self, encoder: PassageEncoder, there: RaySession) -> Reach:
        digest, folder = encoder.fingerprint, os.getcwd()
        return Reach(self.connect, self.load_encoder, digest, folder, there.cpus)

    def load(self, job: Job, rows: Rows, seen: Seen) -> None:
        """As of `Runner`."""
        there = self._there
        if there is None:
            raise IngestError("RayRunner.load was called outside of RayRunner.ready.")
        reach = self._reach(job.encoder, there)
        setup = Setup(reach, job.index, replace(job.plan, confirm_prune=None), job.fitter)
        try:
            with there.explained(job.flow):
                self._first = IdsPass(there.ray, setup, job, seen, rows.say)
                files, damage = self._first.read(rows.files)
                self._job = job
                made = self._made(there, setup, files, job.flow)
                batches = job.flow.buffered(made, 1, drains=False)
                # In an outage that is allowed, nothing comes either.
                most = MOST_SILENT + job.plan.writing.max_outage
                for batch in watched(job.flow, batches, most):
                    batch.add_to(job, there.workers)
        finally:
            there.stop()
        if damage and not job.flow.stopping.is_set():
            raise damage

    def _made(
        self, there: RaySession, setup: Setup, files: list[FileJob], flow: Flow
    ) -> Iterator[Batch]:
        """What became of each chunk, as they are done."""
        if not files:
            return
        with there.explained(flow):
            rows = there.rows_of(self._dataset(there, setup, files), BLOCK)
        while True:
            with there.explained(flow):
                row = next(rows, None)
            if row is None:
                break
            found = pickle.loads(row["made"])
            if isinstance(found, Failure):
                raise found.error()
            yield found
        there.ended()

    def _dataset(self, there: RaySession, setup: Setup, files: list[FileJob]) -> Any:
        from ray.data import ActorPoolStrategy, from_items

        groups = together(files, CALLS * there.workers)
        items = [{"files": pickle.dumps(each)} for each in groups]
        # Ray's own types know neither generators nor classes here, which it takes.
        read: Any = chunks
        worker: Any = Worker
        return (
            from_items(items, override_num_blocks=len(items))
            .flat_map(read, fn_args=(setup,), num_cpus=1, max_retries=RETRIES)
            .map(
                worker,
                fn_constructor_args=(setup,),
                compute=ActorPoolStrategy(
                    size=there.workers,
                    max_tasks_in_flight_per_actor=CALLS,
                    max_concurrent_calls_per_actor=CALLS,
                    enable_true_multi_threading=True,
                ),
                num_cpus=there.cpus,
                num_gpus=self.worker_gpus or None,
                max_restarts=-1,
                max_task_retries=RETRIES,
            )
        )


def check_for_ray(rows: Rows) -> None:
    """Raise IngestError where Ray is not installed, and for what processes elsewhere cannot read.

    Nothing is started for it.
    """
    check_installed()
    if not rows.files or not all(file.reads_again for file in rows.files) or rows.follows:
        raise IngestError(
            "with `runner` every worker reads the source by itself, so it must be of files that "
            "can be read again: save it to files, or leave `runner` out."
        )
