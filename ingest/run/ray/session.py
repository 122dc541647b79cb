"""Ray as a run uses it: its machines, how they are shared out, and its errors."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import version
from typing import Any

from ingest.errors import IngestError
from ingest.run.batch.batch import Batch
from ingest.run.batch.stages import CancelledError, Flow
from ingest.run.ray.parts import Reach
from ingest.run.ray.reading import LookedFor
from ingest.run.ray.resources import Node, cpus_of_a_worker, default_workers
from ingest.run.ray.worker import PACKAGE, fault_of_machine
from tandem.base.errors import TandemError

# Seconds in which every machine of a cluster must have loaded the model once.
PATIENCE = 600.0
# Seconds in which something must come of the files: what is asked may wait for a CPU, too.
MOST_SILENT = 1800.0
# So often it is looked whether the run ends.
LOOK_SECONDS = 0.2
# Seconds for the processes of workers on other machines to end.
LEAVE_SECONDS = 1.0
# Seconds for what was asked of Ray to be answered, or given up, before Ray is left.
MOST_LEAVING = 20.0


class RaySession:
    """Ray as it is reached now; workers: how many there will be; cpus: of each.

    ours: it is reached for this run alone.
    """

    def __init__(self, ray: Any, *, ours: bool) -> None:
        self.ray, self._ours = ray, ours
        self.workers = self.cpus = 1
        self._dataset: Any = None
        self._rows: Any = None
        # Threads that ask Ray for something now, and whether no more of them may.
        self._asking = threading.Condition()
        self._threads, self._leaving = 0, False

    def share_out(self, workers: int | None, worker_gpus: float) -> None:
        """Say how many workers there will be, and what each has; raises IngestError."""
        nodes = [
            Node(each["Resources"].get("CPU", 0.0), each["Resources"].get("GPU", 0.0))
            for each in self._machines()
        ]
        self.workers = workers or default_workers(nodes, worker_gpus)
        free = self.ray.available_resources().get("CPU", 0.0)
        self.cpus = cpus_of_a_worker(nodes, free, self.workers, worker_gpus)

    def _machines(self) -> list[dict[str, Any]]:
        """Those that take part; a head that only keeps account has no CPU."""
        return [e for e in self.ray.nodes() if e["Alive"] and e["Resources"].get("CPU")]

    def check_machines(self, reach: Reach, files: Sequence[LookedFor]) -> None:
        """Let every machine find the files, load the model and reach the cluster.

        Raises IngestError that names the first that cannot.
        """
        ray = self.ray
        affinity = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        # The process ends with it, and gives back the memory of the model.
        look = ray.remote(max_calls=1)(fault_of_machine)
        asked = [
            (
                each["NodeManagerAddress"],
                look.options(
                    num_cpus=0,
                    num_gpus=0,
                    max_retries=0,
                    scheduling_strategy=affinity(node_id=each["NodeID"], soft=False),
                ).remote(version(PACKAGE), pickle_of(ray, reach), files),
            )
            for each in self._machines()
        ]
        for host, answer in asked:
            try:
                fault = ray.get(answer, timeout=PATIENCE)
            except ray.exceptions.GetTimeoutError:
                fault = f"it did not load the model and answer within {PATIENCE:.0f} seconds."
            except ray.exceptions.RayError as error:
                fault = _cured(last_line(error))
            if fault:
                raise IngestError(
                    f"the machine {host} of the Ray cluster cannot work for this run: {fault}"
                )

    def rows_of(self, dataset: Any, block: int) -> Iterator[dict[str, Any]]:
        """A dataset's rows, to be asked for within `explained`, in blocks of so many bytes."""
        context = dataset.context
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        context.enable_auto_log_stats = False
        context.target_max_block_size = block
        self._dataset, self._rows = dataset, iter(dataset.iter_rows())
        rows: Iterator[dict[str, Any]] = self._rows
        return rows

    def ended(self) -> None:
        """All of the dataset is done: nothing is left to be stopped."""
        self._dataset = self._rows = None

    def stop(self) -> None:
        """End what is still executed; nothing is loaded on afterwards. May be done twice.

        Where a thread asks Ray for something while Ray is left, Ray ends the whole process, without
        a word: so all of them are waited for.
        """
        deadline = time.monotonic() + MOST_LEAVING
        with self._asking:
            self._leaving = True
            while self._executed() or self._threads:
                if time.monotonic() > deadline:
                    break
                self._asking.wait(LOOK_SECONDS)
        if self._dataset is None:
            return
        with suppress(Exception):  # of Ray's, which tells of what was stopped
            self._rows.close()
        if self._ours:
            self.ray.shutdown()
        time.sleep(LEAVE_SECONDS)
        self.ended()

    def _executed(self) -> bool:
        """End the execution, which is known once something was asked of it."""
        executor = getattr(self._dataset, "_current_executor", None)
        if executor is None:
            return False
        executor.shutdown(force=True)
        return bool(executor.is_alive())

    @contextmanager
    def explained(self, flow: Flow) -> Iterator[None]:
        """Around what asks Ray: its errors as one sentence, or as nothing where the run ends.

        Raises CancelledError once Ray is left.
        """
        with self._asking:
            if self._leaving:
                raise CancelledError
            self._threads += 1
        try:
            yield
        except (TandemError, CancelledError):
            raise
        except (Exception, SystemExit) as error:
            if flow.stopping.is_set() or flow.cancelled.is_set() or self._leaving:
                raise CancelledError from error
            if not isinstance(error, self._errors()):
                raise
            raise IngestError(
                f"Ray could not go on ({last_line(error)}): look at its machines' memory and "
                "logs, and run the same command again, which writes what is missing."
            ) from error
        finally:
            with self._asking:
                self._threads -= 1
                self._asking.notify_all()

    def _errors(self) -> tuple[type[BaseException], ...]:
        """What Ray raises; a thread that it has no worker for any more it would have exit."""
        from ray.data import exceptions

        found = ("ExecutionTimeoutError", "UserCodeException", "SystemException")
        ours = (getattr(exceptions, each, None) for each in found)
        return (SystemExit, self.ray.exceptions.RayError, *filter(None, ours))


def watched(flow: Flow, batches: Iterator[Batch], most: float) -> Iterator[Batch]:
    """The batches; ends the run with a sentence where none comes for so many seconds.

    Ray itself waits without end for a machine that has room for a worker.
    """
    heard, ended = time.monotonic(), threading.Event()

    def watch() -> None:
        while not ended.wait(LOOK_SECONDS):
            if (silent := time.monotonic() - heard) > most:
                raise IngestError(
                    f"nothing came of the Ray cluster's workers in {silent:,.0f} seconds: look "
                    "whether its machines are there and other jobs hold their CPUs, and run the "
                    "same command again, which writes what is missing."
                )

    flow.background(watch)
    try:
        for batch in batches:
            heard = time.monotonic()
            yield batch
    finally:
        ended.set()


def pickle_of(ray: Any, reach: Reach) -> bytes:
    """As Ray pickles it, functions of a notebook included."""
    return bytes(ray.cloudpickle.dumps(reach))


def _cured(said: str) -> str:
    if "ModuleNotFoundError" in said or "ImportError" in said:
        return (
            f"{said}: install {PACKAGE}[ray]=={version(PACKAGE)} there, for instance by the pip "
            "of the job's runtime environment."
        )
    return f"{said}."


def last_line(error: BaseException) -> str:
    """Of a sentence that may be a whole traceback, what was raised."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__).rstrip(".")[:300]
