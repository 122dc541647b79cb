"""A file lock between processes, freed by the system when its holder ends in whatever way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster.errors import NodeError

POLL_SECONDS = 0.1


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
            time.sleep(POLL_SECONDS)
        yield
