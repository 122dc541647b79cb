"""What a forked process cannot take over from its parent: locks that a thread held, and threads.

Of torch's and OpenVINO's own locks nobody but they can make new ones, so a fork waits until no
thread computes, nor ends after it did.
"""

from __future__ import annotations

import ctypes
import gc
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from encoder.errors import EncoderError

T = TypeVar("T")
_owners: WeakKeyDictionary[Any, Callable[[Any], None]] = WeakKeyDictionary()
# Of a forked process only: threads that were born in it, and whether the current one is.
_born_here: ThreadPoolExecutor | None = None
_here = threading.local()
# Seconds that a fork waits for threads to end, which takes each a thousandth.
_MOST_SECONDS = 5.0
# Threads that computed last: those that may be ending are among them.
_LATELY = 64


class _Computing:
    """Which threads compute: who forks waits for all but itself, and nobody begins meanwhile."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._threads: set[int] = set()
        self._lately: deque[int] = deque(maxlen=_LATELY)
        self._forks = 0

    def __enter__(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._forks)
            self._threads.add(threading.get_ident())
            if (native := threading.get_native_id()) not in self._lately:
                self._lately.append(native)

    def __exit__(self, *error: object) -> None:
        with self._changed:
            self._threads.discard(threading.get_ident())
            self._changed.notify_all()

    def stop(self) -> None:
        """Return once no other thread computes or ends, and let none begin until `go_on`."""
        own = {threading.get_ident()}
        with self._changed:
            self._forks += 1
            self._changed.wait_for(lambda: self._threads <= own)
            _wait_for_ending(self._lately)

    def go_on(self) -> None:
        """After the fork, in the parent."""
        with self._changed:
            self._forks -= 1
            self._changed.notify_all()


def _wait_for_ending(natives: Iterable[int]) -> None:
    """Return once of these threads those that are none of Python's any more are gone altogether.

    After Python has let go of a thread, MKL gives back its memory, under a lock that each thread's
    first product needs: a child that was forked meanwhile would wait for it without end.
    """
    until = time.monotonic() + _MOST_SECONDS
    for native in natives:
        while (
            os.path.exists(f"/proc/self/task/{native}")
            and all(each.native_id != native for each in threading.enumerate())
            and time.monotonic() < until
        ):
            time.sleep(0.0002)


_computing = _Computing()


def computing() -> AbstractContextManager[None]:
    """Held while a batch is computed, and not within itself."""
    return _computing


def in_each_child(owner: T, reset: Callable[[T], None]) -> None:
    """Call `reset` with the owner in the child of every fork, for as long as the owner lives."""
    _owners[owner] = reset


def leave_to_parent(held: object) -> None:
    """Keep what the parent opened until this process, its child, is gone.

    The end of a compiled network waits for threads that only the parent has.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(held))


def computed(work: Callable[[], T]) -> T:
    """What the work gives; in a forked process it is done in a thread that was born there.

    What torch computes in parallel it shares with threads that OpenMP keeps for the calling thread.
    After a fork those are not there, and it would wait for them without end.
    """
    if _born_here is None or hasattr(_here, "born"):
        return work()
    return _born_here.submit(work).result()


def check_process(device: str, process: int) -> None:
    """Refuse to go on with what another process, the parent, has opened: no GPU allows it."""
    if process != os.getpid():
        raise EncoderError(
            f"the device {device} was opened before this process was forked, and cannot be used "
            "in it: load the model in this process only, or start it by the method spawn."
        )


def _reset_all() -> None:
    global _born_here, _computing
    # What the parent had not collected yet is the parent's to end: see leave_to_parent.
    gc.freeze()
    _computing = _Computing()
    _born_here = ThreadPoolExecutor(
        thread_name_prefix="compute", initializer=lambda: setattr(_here, "born", True)
    )
    for owner, reset in list(_owners.items()):
        reset(owner)


if hasattr(os, "register_at_fork"):  # not where there is no fork
    os.register_at_fork(
        before=lambda: _computing.stop(),
        after_in_parent=lambda: _computing.go_on(),
        after_in_child=_reset_all,
    )
