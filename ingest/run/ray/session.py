"""Ray itself: started for a run on this machine, or that of a cluster; it says nothing."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ingest.errors import IngestError
from ingest.settings import MEGABYTE
from tandem.base.running import cores

# What Ray may hold of rows and results on this machine, where it is started for the run.
OBJECT_STORE = 200 * MEGABYTE
PORT = 6379
# Nothing is sent to Ray's makers, and CUDA_VISIBLE_DEVICES stays as it is without GPUs.
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
}


def imported() -> Any:
    """The package; raises IngestError where it is not installed."""
    try:
        with _environment():
            import ray
            import ray.data
    except ImportError as error:
        raise IngestError(
            f"`runner` is Ray, which is not installed ({error}): install it with "
            "pip install 'tandem-search[ray]', or leave `runner` out."
        ) from error
    return ray


@contextmanager
def _environment() -> Iterator[None]:
    """Ray's variables, for as long as it starts what inherits them; those that are set stay."""
    missing = _ENVIRONMENT.keys() - os.environ.keys()
    os.environ.update({name: _ENVIRONMENT[name] for name in missing})
    try:
        yield
    finally:
        for name in missing:
            del os.environ[name]


@contextmanager
def quiet(ray: Any) -> Iterator[None]:
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
def started(ray: Any, address: str | None, workers: int | None) -> Iterator[None]:
    """Ray of this machine, or a cluster's; one that the caller has started is taken, and stays."""
    if ray.is_initialized():
        yield
        return
    there = {"address": _with_port(address)} if address else _of_this_machine(workers)
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with _environment():
            ray.init(log_to_driver=False, configure_logging=False, **there)
    except Exception as error:  # whatever Ray raises where it cannot start or be reached
        where = f"no Ray cluster answers at {address}" if address else "Ray cannot be started here"
        raise IngestError(
            f"{where} ({last_line(error)}): name the head's HOST:PORT with `address`, from a "
            "machine of the cluster, or leave it out."
        ) from error
    try:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)  # Ray puts its own in its place
        yield
    finally:
        ray.shutdown()


def _of_this_machine(workers: int | None) -> dict[str, Any]:
    return {
        "address": "local",
        # One more than there are, for who reads waits most of the time.
        "num_cpus": max(cores(), workers or 1) + 1,
        "object_store_memory": OBJECT_STORE,
        "include_dashboard": False,
        "_node_ip_address": "127.0.0.1",
    }


def _with_port(address: str) -> str:
    bare = address == "auto" or ":" in address
    return address if bare else f"{address}:{PORT}"


def last_line(error: BaseException) -> str:
    """Of a sentence that may be a whole traceback, what was raised."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__).rstrip(".")[:300]
