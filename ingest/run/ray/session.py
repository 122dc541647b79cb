"""Ray itself: started for a run on this machine, or that of a cluster; it says nothing."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ingest.errors import IngestError
from ingest.read.sources.files import SourceFile
from ingest.run.ray.parts import Reach
from ingest.run.ray.resources import Node, cpus_of_a_worker, default_workers
from ingest.run.ray.worker import PACKAGE, fault_of_machine
from ingest.settings import MEGABYTE
from tandem.base.errors import TandemError
from tandem.base.running import cores

# What Ray may hold of rows and results on this machine, where it is started for the run.
OBJECT_STORE = 200 * MEGABYTE
PORT = 6379
# Seconds in which every machine of a cluster must have loaded the model once.
PATIENCE = 600.0
# Of so many files it is looked whether each machine has them.
FILES_LOOKED_FOR = 1000
# Seconds for the processes of workers on other machines to end.
LEAVE_SECONDS = 1.0
# Nothing is sent to Ray's makers; CUDA_VISIBLE_DEVICES stays as it is without GPUs; a process that
# takes too much memory is not begun again for ever.
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_task_oom_retries": "3",
}


def check_installed() -> None:
    """Raise IngestError where Ray is not installed."""
    if find_spec("ray") is None:
        raise _not_installed("ray")


def _not_installed(package: str | None) -> IngestError:
    return IngestError(
        f"`runner` is Ray, and the package {package} is not installed: install it with "
        "pip install 'tandem-search[ray]', or leave `runner` out."
    )


def _imported() -> Any:
    try:
        with _environment():
            import ray
            import ray.data
    except ImportError as error:
        raise _not_installed(error.name) from error
    return ray


class RaySession:
    """Ray as it is reached now; workers: how many there will be; cpus: of each."""

    def __init__(self, ray: Any) -> None:
        self.ray = ray
        self.workers = self.cpus = 1
        self._dataset: Any = None

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

    def check_machines(self, reach: Reach, files: Sequence[SourceFile]) -> None:
        """Let every machine find the files, load the model and reach the cluster.

        Raises IngestError that names the first that cannot.
        """
        ray, paths = self.ray, [each.path for each in files[:FILES_LOOKED_FOR] if each.path]
        affinity = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        look = ray.remote(fault_of_machine)
        asked = {
            each["NodeManagerAddress"]: look.options(
                num_cpus=0,
                num_gpus=0,
                max_retries=0,
                scheduling_strategy=affinity(node_id=each["NodeID"], soft=False),
            ).remote(version(PACKAGE), pickle_of(ray, reach), paths)
            for each in self._machines()
        }
        for host, answer in asked.items():
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

    def begin(self, dataset: Any, block: int) -> None:
        """Let a dataset be executed in silence, in blocks of so many bytes."""
        context = dataset.context
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        context.enable_auto_log_stats = False
        context.target_max_block_size = block
        self._dataset = dataset

    def stop(self) -> None:
        """End what is still executed; nothing is loaded on afterwards. May be done twice."""
        executor = getattr(self._dataset, "_current_executor", None)
        self._dataset = None
        if executor is not None:
            executor.shutdown(force=True)
            time.sleep(LEAVE_SECONDS)

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Errors of Ray's own as one sentence."""
        try:
            yield
        except TandemError:
            raise
        except (self.ray.exceptions.RayError, *_data_errors()) as error:
            raise IngestError(
                f"Ray could not go on ({last_line(error)}): look at its machines' memory and "
                "logs, and run the same command again, which writes what is missing."
            ) from error


def _data_errors() -> tuple[type[Exception], ...]:
    from ray.data import exceptions

    found = ("ExecutionTimeoutError", "UserCodeException", "SystemException")
    return tuple(getattr(exceptions, each) for each in found if hasattr(exceptions, each))


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


@contextmanager
def _environment(**more: str) -> Iterator[None]:
    """Ray's variables, for as long as it starts what inherits them; those that are set stay."""
    wanted = {**_ENVIRONMENT, **more}
    missing = wanted.keys() - os.environ.keys()
    os.environ.update({name: wanted[name] for name in missing})
    try:
        yield
    finally:
        for name in missing:
            os.environ.pop(name, None)


@contextmanager
def _quiet() -> Iterator[None]:
    """Ray says nothing by itself, while it lasts."""
    loggers = [logging.getLogger(name) for name in ("ray", "ray.data")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


@contextmanager
def started(address: str | None, workers: int | None) -> Iterator[RaySession]:
    """Ray of this machine, or a cluster's; one that the caller has started is taken, and stays.

    Raises IngestError where it cannot be started or reached.
    """
    ray = _imported()
    with _quiet():
        if ray.is_initialized():
            yield RaySession(ray)
            return
        folder = None if address else _folder()
        there = {"address": _with_port(address)} if address else _of_this_machine(workers, folder)
        try:
            _initialise(ray, address, there)
            yield RaySession(ray)
        finally:
            ray.shutdown()
            if folder:
                shutil.rmtree(folder, ignore_errors=True)


def _initialise(ray: Any, address: str | None, there: dict[str, Any]) -> None:
    handlers = {sign: signal.getsignal(sign) for sign in (signal.SIGTERM, signal.SIGINT)}
    try:
        with _environment():
            ray.init(log_to_driver=False, configure_logging=False, **there)
    except Exception as error:  # whatever Ray raises
        raise _unreachable(address, error) from error
    if threading.current_thread() is threading.main_thread():
        for sign, handler in handlers.items():  # Ray puts its own in their place
            signal.signal(sign, handler)


def _unreachable(address: str | None, error: BaseException) -> IngestError:
    where = f"no Ray cluster answers at {address}" if address else "Ray cannot be started here"
    return IngestError(
        f"{where} ({last_line(error)}): name the head's HOST:PORT with `address`, from a machine "
        "of the cluster, or leave it out."
    )


def _of_this_machine(workers: int | None, folder: str | None) -> dict[str, Any]:
    return {
        "address": "local",
        # One more than there are, for who reads waits most of the time.
        "num_cpus": max(cores(), workers or 1) + 1,
        "object_store_memory": OBJECT_STORE,
        "include_dashboard": False,
        "_node_ip_address": "127.0.0.1",
        "_temp_dir": folder,
    }


def _folder() -> str:
    """A folder of this run alone, for what Ray writes; a socket's path has 107 bytes at most."""
    short = "/tmp" if Path("/tmp").is_dir() else None
    return tempfile.mkdtemp(prefix="ray-", dir=short)


def _with_port(address: str) -> str:
    bare = address == "auto" or ":" in address
    return address if bare else f"{address}:{PORT}"


def last_line(error: BaseException) -> str:
    """Of a sentence that may be a whole traceback, what was raised."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__).rstrip(".")[:300]
