"""Ray is started for a run on this machine, or reached where it is; it says nothing."""

from __future__ import annotations

import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from importlib.util import find_spec
from multiprocessing.spawn import get_executable
from pathlib import Path
from secrets import token_hex
from typing import Any

from ingest.errors import IngestError
from ingest.run.ray.session import RaySession, last_line
from ingest.settings import MEGABYTE
from tandem.base.process.children import environment, without_secrets
from tandem.base.process.running import cores

# What Ray may hold of rows and results on this machine, where it is started for the run.
OBJECT_STORE = 200 * MEGABYTE
PORT = 6379
# Seconds for the head of a cluster to take a connection.
ANSWER_SECONDS = 10.0
# Who may ask Ray for anything, where it is started for the run: who can read that file.
_TOKEN = "RAY_AUTH_TOKEN_PATH"
# "0" keeps it on loopback, on any system; else it listens on all addresses.
_CLUSTERS = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
# Nothing is sent to Ray's makers; CUDA_VISIBLE_DEVICES stays as it is without GPUs; a process that
# takes too much memory is not begun again for ever; at Ray's own niceness of 15 its processes would
# starve beside others; and what each needs, Ray's own too, it imports before it is given work.
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_task_oom_retries": "3",
    "RAY_worker_niceness": "0",
    "RAY_preload_python_modules": "ray.data",
}
# Tells its argument, where the bar of progress stood, once who has its input ended without a word.
_WATCH = r"""
import sys
if not sys.stdin.read():
    print("\n\033[?25h" * sys.stderr.isatty() + sys.argv[1], file=sys.stderr)
"""
# As Ray tells of a cluster that has others, first the cluster's and then ours.
_VERSIONS = re.compile(r"Ray: (\S+)\s+Python: (\S+)")
# Ray sets this one by itself.
_SET = ("RAY_AUTH_MODE",)


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
        # With no standard output: what it imports (colorama) would write to the one that is there
        # now at the end of the process, when a progress bar's is closed, and say so in a traceback.
        with _environment(), redirect_stdout(None):
            import ray
            import ray.autoscaler._private.cli_logger
            import ray.data
    except ImportError as error:
        raise _not_installed(error.name) from error
    return ray


@contextmanager
def _environment(**more: str) -> Iterator[None]:
    """Ray's variables, for as long as it is used; those that are set stay."""
    wanted = {**_ENVIRONMENT, **more}
    missing = (wanted.keys() | set(_SET)) - os.environ.keys()
    os.environ.update({name: wanted[name] for name in missing if name in wanted})
    try:
        yield
    finally:
        for name in missing:
            os.environ.pop(name, None)


@contextmanager
def _as(module: Any, name: str, value: object) -> Iterator[None]:
    """A setting of Ray's that it read at its import, which may have been long ago."""
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


@contextmanager
def _quiet() -> Iterator[None]:
    """Ray says nothing by itself, while it lasts: what matters is told as an error."""
    from ray._private import worker

    loggers = [logging.getLogger(name) for name in ("ray", "ray.data")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        # It tells of each process that dies, on standard output, and nothing turns that off.
        with (
            _as(worker, "print_to_stdstream", lambda data, ignore_prefix: None),
            warnings.catch_warnings(),
        ):
            # Its named successors, from 2.61 on, do not have all of them.
            warnings.filterwarnings("ignore", ".ray_remote_args. is deprecated")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def _mute() -> Iterator[None]:
    """Nothing reaches standard error for a moment, in which Ray tells its log level there."""
    if sys.stderr is None:  # who closed it has nothing to hear
        yield
        return
    sys.stderr.flush()
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


@contextmanager
def started(address: str | None, workers: int | None) -> Iterator[RaySession]:
    """Ray of this machine, or a cluster's; one that the caller has started is taken, and stays.

    Raises IngestError where it cannot be started or reached.
    """
    ray = _imported()
    from ray._private import auto_init_hook, ray_constants

    # Whoever asks it for something where it was just left would start another.
    with _quiet(), _as(auto_init_hook, "enable_auto_connect", False):
        if ray.is_initialized():
            yield RaySession(ray, ours=False)
        elif address:
            there = _with_port(address)
            _check_answers(there)
            with _environment(), _initialised(ray, address, {"address": there}):
                yield RaySession(ray, ours=True)
        else:
            with (
                _folder() as folder,
                _environment(**{_TOKEN: _token(folder), _CLUSTERS: "0"}),
                _as(ray_constants, "ENABLE_RAY_CLUSTER", False),
                _initialised(ray, None, _of_this_machine(workers, folder)),
            ):
                yield RaySession(ray, ours=True)


@contextmanager
def _initialised(ray: Any, address: str | None, there: dict[str, Any]) -> Iterator[None]:
    """Ray as long as it is needed; signals stay what they were."""
    handlers = {sign: signal.getsignal(sign) for sign in (signal.SIGTERM, signal.SIGINT)}
    with _last_words(address), ExitStack() as end:
        end.callback(ray.shutdown)
        try:
            # Workers need the secrets of stores; those of the cluster are handed to them.
            with _mute(), without_secrets("TANDEM_"):
                ray.init(log_to_driver=False, configure_logging=False, **there)
        except Exception as error:  # whatever Ray raises
            raise _unreachable(address, error) from error
        if threading.current_thread() is threading.main_thread():
            for sign, handler in handlers.items():
                signal.signal(sign, handler)
        yield


@contextmanager
def _last_words(address: str | None) -> Iterator[None]:
    """Have another process tell it where Ray ends this one, which it does without a word."""
    node = f"of the cluster at {address}" if address else "that was started for the run"
    said = (
        f"Error: this process was ended, by Ray or from outside: Ray's node on this machine, {node}"
        ", died or did not answer for half a minute. Look at this machine's memory, disk and load, "
        "and run the same command again, which writes what is missing."
    )
    program = [os.fsdecode(get_executable() or ""), "-IS", "-c", _WATCH, said]
    watch = subprocess.Popen(
        program, stdin=subprocess.PIPE, env=environment(), start_new_session=True
    )
    try:
        yield
    finally:
        watch.communicate(b"ended")


def _unreachable(address: str | None, error: BaseException) -> IngestError:
    if address is None:
        return IngestError(
            f"Ray cannot be started here ({last_line(error)}): look for memory and disk that are "
            "left, or leave `runner` out."
        )
    if len(versions := _VERSIONS.findall(str(error))) == 2:
        (ray, python), (our_ray, our_python) = versions
        return IngestError(
            f"the Ray cluster at {address} has Ray {ray} on Python {python}, and this process Ray "
            f"{our_ray} on Python {our_python}: install the same on both."
        )
    return IngestError(
        f"no Ray cluster answers at {address} ({last_line(error)}): name the head's HOST:PORT with "
        "`address`, from a machine of the cluster, and set RAY_AUTH_MODE=token where it asks for "
        "the token of ~/.ray/auth_token; or leave `address` out."
    )


def _of_this_machine(workers: int | None, folder: str) -> dict[str, Any]:
    return {
        "address": "local",
        # One more than there are, for who reads waits most of the time.
        "num_cpus": max(cores(), workers or 1) + 1,
        "object_store_memory": OBJECT_STORE,
        "include_dashboard": False,
        "_node_ip_address": "127.0.0.1",
        "_temp_dir": folder,
    }


@contextmanager
def _folder() -> Iterator[str]:
    """A folder of this user alone, for what Ray writes; a socket's path has 107 bytes at most."""
    path = tempfile.mkdtemp(prefix="ray-", dir="/tmp" if Path("/tmp").is_dir() else None)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _token(folder: str) -> str:
    """The path of a new token."""
    path = Path(folder) / "token"
    path.write_text(token_hex(32), "ascii")
    return str(path)


def _check_answers(address: str) -> None:
    """Ask whether anybody is there: Ray itself would go on asking for minutes, in silence."""
    host, _, port = address.rpartition(":")
    if "/" in host or not port.isdigit():  # auto, or a scheme of Ray's own
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWER_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise _unreachable(address, error) from error


def _with_port(address: str) -> str:
    bare = address == "auto" or ":" in address
    return address if bare else f"{address}:{PORT}"
