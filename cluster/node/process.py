"""Processes that outlive the command that starts them: spawn, recognise, end."""

from __future__ import annotations

import os
import secrets
import select
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from cluster.errors import NodeError
from cluster.node.home import NodeUser


@contextmanager
def hold(path: Path, seconds: float, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock file at `path`, waiting at most `seconds`; `on_wait` is called once if we wait.

    Raises NodeError where another process holds it longer than that.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    with suppress(Timeout):
        lock.acquire(blocking=False)
    if not lock.is_locked:
        if on_wait:
            on_wait()
        try:
            lock.acquire(timeout=seconds)
        except Timeout as error:
            raise NodeError(
                f"another tandem has held {path} for {seconds:.0f} seconds: wait for it to "
                "end, or end it, and run the command again."
            ) from error
    try:
        yield
    finally:
        lock.release()


POLL_SECONDS = 0.05
READS, READ_SECONDS = 50, 0.005
KTHREADD = 2  # the parent of all threads of a Linux kernel
# The attribute of the node that holds the token of its start.
TOKEN = "tandem_start"

# The shell ends at once and its child passes to init: it holds none of our pipes, gets none of our
# signals, and leaves us neither a zombie nor an unwaited Popen.
_DETACH = 'umask 077; log=$1; shift; "$@" >"$log" 2>&1 </dev/null & echo $!'


def spawn(
    command: Sequence[str], log: Path, user: NodeUser, env: Mapping[str, str], folder: Path
) -> int:
    """Start a detached process in its own session and return its pid; its output goes to `log`."""
    try:
        shell = subprocess.run(
            ["/bin/sh", "-c", _DETACH, "sh", str(log), *command],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            check=True,
            start_new_session=True,
            env=dict(env),
            cwd=folder,
            **user.run_as(),
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise NodeError(
            f"{command[0]} could not be started as user {user.name}: {error}."
        ) from error
    if shell.stderr:
        said = shell.stderr.decode(errors="replace").strip().splitlines()[-1]
        raise NodeError(f"{command[0]} could not be started as user {user.name}: {said}.")
    return int(shell.stdout)


def arguments(pid: int) -> list[str]:
    """The command line of a process, word by word; empty for none, and for a zombie."""
    try:
        running = psutil.Process(pid)
        for _ in range(READS):
            # In the middle of an exec it is empty for a moment; kernel threads, which have no
            # program, stay so.
            if (words := running.cmdline()) or not running.exe():
                return words
            time.sleep(READ_SECONDS)
    except psutil.Error:
        pass
    return []


@dataclass(frozen=True)
class Identity:
    """What only the process of one start has: its user, its program, and a token in its words.

    program: the script that starts it, which becomes a Java.
    """

    uid: int
    token: str
    program: str

    @property
    def word(self) -> str:
        """The word of the command line, by which the node also tells the token when asked."""
        return f"-Enode.attr.{TOKEN}={self.token}"


def new_identity(uid: int, program: Path) -> Identity:
    """The identity of a process that is about to be started."""
    return Identity(uid, secrets.token_hex(16), str(program))


def is_ours(pid: int, identity: Identity) -> bool:
    """Whether the process runs, and is the one of this start.

    The pid alone proves nothing: the system may have given it to another process since. Nor do
    words: an editor may have them, or another user's process.
    """
    words = arguments(pid)
    if identity.word not in words:
        return False
    try:
        running = psutil.Process(pid)
        if running.uids().real != identity.uid:
            return False
        return identity.program in words or Path(running.exe()).name == "java"
    except psutil.Error:
        return False


class Watch:
    """Tells for little whether a process still runs: that one, and none that got its number since.

    By a handle of Linux's (pidfd_open), which can be read once the process has ended; without one
    it never says so.
    """

    def __init__(self, pid: int | None) -> None:
        self._handle: int | None = None
        if pid is None or sys.platform != "linux":
            return
        with suppress(OSError):  # it has ended, or the system has no handles
            self._handle = os.pidfd_open(pid)
            weakref.finalize(self, os.close, self._handle)

    def runs(self) -> bool:
        """Whether it is known to run."""
        if self._handle is None:
            return False
        ended = select.poll()
        ended.register(self._handle, select.POLLIN)
        return not ended.poll(0)


def find(identity: Identity) -> int | None:
    """The pid of the process of this start, or None.

    While the start script runs its helpers, copies of it have the same words for a moment: the one
    that is no child of another is meant.
    """
    found = {pid for pid in psutil.pids() if is_ours(pid, identity)}
    return next((pid for pid in sorted(found) if _parent(pid) not in found), None)


def _parent(pid: int) -> int | None:
    try:
        return psutil.Process(pid).ppid()
    except psutil.Error:
        return None


def end(pid: int, identity: Identity, seconds: float) -> None:
    """Ask the process to end, and kill it where it has not within `seconds`.

    Raises NodeError where the process is another user's.
    """
    for sign, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 10.0)):
        if not is_ours(pid, identity):
            return
        try:
            psutil.Process(pid).send_signal(sign)
        except psutil.NoSuchProcess:
            return
        except psutil.AccessDenied as error:
            raise NodeError(
                f"the embedded node (process {pid}) was started by another user: "
                "stop it as that user or as root."
            ) from error
        if gone_within(pid, identity, patience):
            return
    raise NodeError(f"the embedded node (process {pid}) does not end, not even when killed.")


def gone_within(pid: int, identity: Identity, seconds: float) -> bool:
    """Wait until the process has ended and let go of its files and ports; False if it does not."""
    deadline = time.monotonic() + seconds
    while is_ours(pid, identity) or is_dying(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def is_dying(pid: int) -> bool:
    """Whether a killed process is still being taken down: its words go first, its files later."""
    try:
        dying = psutil.Process(pid)
        if dying.status() == psutil.STATUS_ZOMBIE:
            return dying.num_threads() > 1
        return not dying.cmdline() and dying.ppid() != KTHREADD
    except psutil.Error:
        return False
