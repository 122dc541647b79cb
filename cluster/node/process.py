"""Processes that outlive the command that starts them: spawn, recognise, end."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from cluster.errors import NodeError
from cluster.node.home import NodeUser

LOCK_POLL_SECONDS = 0.1


@contextmanager
def hold(path: Path, seconds: float, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock file at `path`, waiting at most `seconds`; `on_wait` is called once if we wait.

    Raises NodeError where another process holds it longer than that.
    """
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + seconds
    with path.open("a") as file:
        waiting = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if time.monotonic() > deadline:
                    raise NodeError(
                        f"another tandem has held {path} for {seconds:.0f} seconds: wait for it to "
                        "end, or end it, and run the command again."
                    ) from error
            if on_wait and not waiting:
                on_wait()
            waiting = True
            time.sleep(LOCK_POLL_SECONDS)
        yield


POLL_SECONDS = 0.05
PROC = Path("/proc")
EXITING = 0x4  # PF_EXITING of the kernel's sched.h
READS, READ_SECONDS = 50, 0.005

# The shell ends at once and its child passes to init: it holds none of our pipes, gets none of our
# signals, and leaves us neither a zombie nor an unwaited Popen.
_DETACH = 'log=$1; shift; "$@" >"$log" 2>&1 </dev/null & echo $!'


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
    if not (PROC / "self").exists():
        ps = ["ps", "-ww", "-o", "args=", "-p", str(pid)]
        return subprocess.run(ps, capture_output=True, text=True).stdout.split()
    for _ in range(READS):
        try:
            words = (PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
            if words != [b""]:
                break
            # In the middle of an exec it is empty for a moment; zombies and kernel threads, which
            # have no program, stay so.
            (PROC / str(pid) / "exe").readlink()
        except OSError:
            return []
        time.sleep(READ_SECONDS)
    return [os.fsdecode(word) for word in words if word]


def is_ours(pid: int, marker: str) -> bool:
    """Whether the process runs and has `marker` as a word of its command line.

    The pid alone proves nothing: the system may have given it to another process since.
    """
    return marker in arguments(pid)


def find(marker: str) -> int | None:
    """The pid of the process with `marker` as a word of its command line, or None.

    While the start script runs its helpers, copies of it have the same words for a moment: the one
    that is no child of another is meant.
    """
    found = {pid for pid in _pids() if pid != os.getpid() and is_ours(pid, marker)}
    return next((pid for pid in sorted(found) if _parent(pid) not in found), None)


def _parent(pid: int) -> int | None:
    try:
        # The name before it, in parentheses, may hold anything; behind it: state, parent.
        return int((PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return _parent_by_ps(pid)


def _parent_by_ps(pid: int) -> int | None:
    try:
        shown = subprocess.run(["ps", "-o", "ppid=", "-p", str(pid)], capture_output=True)
    except OSError:
        return None
    return int(shown.stdout) if shown.stdout.strip() else None


def _pids() -> Iterator[int]:
    if (PROC / "self").exists():
        yield from (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())
    else:
        shown = subprocess.run(["ps", "-ax", "-o", "pid="], capture_output=True, text=True)
        yield from map(int, shown.stdout.split())


def end(pid: int, marker: str, seconds: float) -> None:
    """Ask the process to end, and kill it where it has not within `seconds`.

    Raises NodeError where the process is another user's.
    """
    for sign, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 10.0)):
        if not is_ours(pid, marker):
            return
        try:
            os.kill(pid, sign)
        except ProcessLookupError:
            return
        except PermissionError as error:
            raise NodeError(
                f"the embedded node (process {pid}) was started by another user: "
                "stop it as that user or as root."
            ) from error
        if gone_within(pid, marker, patience):
            return
    raise NodeError(f"the embedded node (process {pid}) does not end, not even when killed.")


def gone_within(pid: int, marker: str, seconds: float) -> bool:
    """Wait until the process has ended and let go of its files and ports; False if it does not."""
    deadline = time.monotonic() + seconds
    while is_ours(pid, marker) or is_dying(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def is_dying(pid: int) -> bool:
    """Whether a killed process is still being taken down: its words go first, its files later."""
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        threads = len(list((PROC / str(pid) / "task").iterdir()))
    except OSError:
        return False
    ended = fields[0] in "ZX" and threads == 1
    return bool(int(fields[6]) & EXITING) and not ended
