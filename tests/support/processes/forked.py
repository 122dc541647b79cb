"""Work in other processes, as hosts of our library do it."""

from __future__ import annotations

import faulthandler
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
# What hangs must end; nothing that works takes nearly as long.
HANGS = 300


def _say_where_it_hangs() -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    faulthandler.register(signal.SIGALRM, file=sys.__stderr__, chain=True)
    signal.alarm(HANGS)


def forked(work: Callable[[], T]) -> T:
    """What the work gives in a forked child; fails where it raises there, or hangs."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:  # whatever happens: outside it would go on as a second run of all tests
            os.close(reading)
            _say_where_it_hangs()
            try:
                told = pickle.dumps((True, work()))
            except BaseException:
                told = pickle.dumps((False, traceback.format_exc()))
            with os.fdopen(writing, "wb") as file:
                file.write(told)
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        told = file.read()
    _, status = os.waitpid(child, 0)
    assert status == 0, f"the child ended with {os.waitstatus_to_exitcode(status)}"
    well, found = pickle.loads(told)
    assert well, found
    return found
