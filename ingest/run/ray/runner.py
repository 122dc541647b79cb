"""A run's batches on Ray Data: files are read in parallel, and loaded by workers with a model each.

Every file is read twice. At first for its ids alone: 24 bytes of each document come to the run,
which so knows, as a local run does, which come twice, what to prune, and how much there is to do.
Then for its rows, of which Ray holds back as many as the workers are not ready for.
"""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ingest.errors import IngestError
from ingest.read.rows import Rows
from ingest.read.sources.files import SourceFile
from ingest.records import Origin, PassageEncoder
from ingest.run.batch.pipeline import Job
from ingest.run.deduplicate import Seen
from ingest.run.plan import Plan
from ingest.run.ray.parts import (
    Failure,
    Ids,
    Place,
    Setup,
    Worker,
    chunks,
    fault_of_machine,
    ids_of,
)
from ingest.run.ray.resources import Node, cpus_of_a_worker, default_workers
from ingest.run.ray.session import imported, last_line, quiet, started
from ingest.settings import MEGABYTE
from tandem.base.arguments import checked_arguments
from tandem.base.errors import TandemError

if TYPE_CHECKING:
    from cluster import Cluster

# A block of rows: a few batches.
BLOCK = 1 * MEGABYTE
# Seconds in which every machine of a cluster must have loaded the model once.
PATIENCE = 600.0


@checked_arguments(IngestError)
@dataclass(kw_only=True)
class RayRunner:
    """Loads batches on Ray.

    connect and load: make a Cluster and the encoder in another process, which gets them pickled,
    credentials included; address: of a Ray cluster, HOST, HOST:PORT or `auto`, None for one of this
    machine that lives as long as the run; workers: None for one on each machine, or for each
    `worker_gpus`; worker_gpus: of each, 0 to encode on CPUs.
    """

    connect: Callable[[], Cluster]
    load_encoder: Callable[[], PassageEncoder]
    address: str | None = None
    workers: int | None = None
    worker_gpus: float = 0.0
    _cpus: int = field(default=1, init=False)
    _count: int = field(default=1, init=False)
    _documents: int = field(default=0, init=False)
    _job: Job | None = field(default=None, init=False)

    @property
    def share(self) -> float | None:
        """As of `Runner`."""
        if self._job is None or not self._documents:
            return None
        return min(1.0, self._job.tally.report().read / self._documents)

    @contextmanager
    def ready(self, rows: Rows, encoder: PassageEncoder) -> Iterator[None]:
        """As of `Runner`."""
        ray = imported()
        _check_source(rows)
        with quiet(ray), started(ray, self.address, self.workers):
            nodes = [
                Node(each["Resources"].get("CPU", 0.0), each["Resources"].get("GPU", 0.0))
                for each in ray.nodes()
                if each["Alive"]
            ]
            self._count = self.workers or default_workers(nodes, self.worker_gpus)
            free = ray.available_resources().get("CPU", 0.0)
            self._cpus = cpus_of_a_worker(nodes, free, self._count, self.worker_gpus)
            yield

    def load(self, job: Job, rows: Rows, seen: Seen) -> None:
        """As of `Runner`."""
        ray = imported()
        setup = Setup(
            self.connect,
            self.load_encoder,
            job.index,
            job.plan,
            job.fitter,
            job.encoder.fingerprint,
        )
        try:
            if self.address:
                self._check_machines(ray, setup)
            files, damage = self._ids(ray, setup, job, rows, seen)
            self._job = job
            for made in job.flow.buffered(self._made(ray, setup, files), 1, drains=False):
                made.add_to(job, self._count)
        except ray.exceptions.RayError as error:
            raise IngestError(
                f"Ray could not go on ({last_line(error)}): look at its machines' memory and "
                "logs, and run the same command again, which writes what is missing."
            ) from error
        if damage:
            raise damage

    def _check_machines(self, ray: Any, setup: Setup) -> None:
        """Let every machine load the model and reach the cluster; raises IngestError."""
        alive = [each for each in ray.nodes() if each["Alive"] and each["Resources"].get("CPU")]
        strategy = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        remote = ray.remote(fault_of_machine)
        asked = {
            each["NodeManagerAddress"]: remote.options(
                num_cpus=0,
                num_gpus=0,
                max_retries=0,
                scheduling_strategy=strategy(node_id=each["NodeID"], soft=False),
            ).remote(setup)
            for each in alive
        }
        for host, answer in asked.items():
            try:
                fault = ray.get(answer, timeout=PATIENCE)
            except ray.exceptions.RayError as error:
                fault = last_line(error)
            if fault:
                raise IngestError(
                    f"the machine {host} of the Ray cluster cannot work for this run: {fault}"
                )

    def _ids(
        self, ray: Any, setup: Setup, job: Job, rows: Rows, seen: Seen
    ) -> tuple[list[tuple[SourceFile, dict[Place, Origin]]], TandemError | None]:
        """The files with the ids that are taken in each, in order, and how the last one ended."""
        read = ray.remote(ids_of).options(num_cpus=1, num_returns="streaming")
        common = ray.put(setup)
        asked: deque[tuple[SourceFile, Any]] = deque()
        ahead, left = iter(rows.files), 2 * int(ray.cluster_resources().get("CPU", 1))
        files: list[tuple[SourceFile, dict[Place, Origin]]] = []
        while True:
            while len(asked) < left and (file := next(ahead, None)):
                asked.append((file, read.remote(common, file)))
            if not asked or job.flow.stopping.is_set() or job.flow.cancelled.is_set():
                return files, None
            file, told = asked.popleft()
            taken: dict[Place, Origin] = {}
            files.append((file, taken))
            for each in map(ray.get, told):
                if isinstance(each, Failure):
                    return files, each.error()
                if isinstance(each, Ids):
                    self._enter(each, seen, taken)
                else:
                    rows.say(each)

    def _enter(self, ids: Ids, seen: Seen, taken: dict[Place, Origin]) -> None:
        for key, place in ids:
            self._documents += 1
            if place is None:
                seen.note_key(key)
            elif first := seen.add_key(key, place):
                taken[key, place.file, place.line] = first

    def _made(self, ray: Any, setup: Setup, files: list[tuple[SourceFile, Any]]) -> Iterator[Any]:
        """What became of each batch, as they are done."""
        if not files:
            return
        from ray.data import ActorPoolStrategy, DataContext, from_items

        context = DataContext.get_current()
        context.enable_progress_bars = False
        context.target_max_block_size = BLOCK
        context.print_on_execution_start = False
        # Ray's own types know neither generators nor classes here, which it takes.
        read: Any = chunks
        worker: Any = Worker
        items = [{"file": pickle.dumps(each)} for each in files]
        made = (
            from_items(items, override_num_blocks=len(items))
            .flat_map(read, fn_args=(setup.plan.reading,), num_cpus=1)
            .map(
                worker,
                fn_constructor_args=(setup,),
                compute=ActorPoolStrategy(size=self._count),
                num_cpus=self._cpus,
                num_gpus=self.worker_gpus or None,
            )
        )
        for row in made.iter_rows():
            found = pickle.loads(row["made"])
            if isinstance(found, Failure):
                raise found.error()
            yield found


def _to_send(plan: Plan) -> Plan:
    """The plan without what only the run itself asks."""
    return replace(plan, confirm_prune=None)


def _check_source(rows: Rows) -> None:
    """Raise IngestError for what processes elsewhere cannot read."""
    if not rows.files or not all(file.reads_again for file in rows.files) or rows.follows:
        raise IngestError(
            "with `runner` every worker reads the source by itself, so it must be of files that "
            "can be read again: save it to files, or leave `runner` out."
        )
