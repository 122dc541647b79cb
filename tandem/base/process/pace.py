"""What is asked of downloads, whose size no deadline fits: an end, or so many bytes a second.

Also for libraries that keep no time themselves, and cannot be told to stop.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

_Result = TypeVar("_Result")

# Bytes a second over so many seconds; fewer is a connection that lives and brings nothing.
LEAST_RATE = 1000
PACE_SECONDS = 60.0
_left: list[Thread] = []


class TooSlowError(TimeoutError):
    """A download lives and brings next to nothing."""


class Pace:
    """Counts what a download brings in the time that is waited for it.

    slow_since: by the clock `time.monotonic`, None as long as enough came.
    """

    def __init__(self) -> None:
        self.slow_since: float | None = None
        self._seconds, self._bytes = 0.0, 0

    def of(self, read: Callable[[], bytes]) -> bytes:
        """What is read, counted; raises TooSlowError where it is too little."""
        began = time.monotonic()
        data = read()
        ended = time.monotonic()
        self._seconds += ended - began
        self._bytes += len(data)
        if self._seconds >= PACE_SECONDS:
            seconds, count = self._seconds, self._bytes
            self._seconds, self._bytes = 0.0, 0
            if count < LEAST_RATE * seconds:
                self.slow_since = self.slow_since or ended
                raise TooSlowError(too_slow(count, seconds))
            self.slow_since = None
        return data


def too_slow(count: int, seconds: float) -> str:
    """The words for so few bytes in so many seconds."""
    return (
        f"{count:,} bytes came in {seconds:.0f} seconds, and fewer than {LEAST_RATE:,} a second "
        "are no download"
    )


def within(call: Callable[[], _Result], count: int = 0, *, seconds: float | None = None) -> _Result:
    """What a call gives or raises; raises TimeoutError where it takes too long for `count` bytes.

    It goes on in a thread of its own, then, to an end that nobody waits for. seconds: None for as
    long as the least rate takes.
    """
    limit = PACE_SECONDS + count / LEAST_RATE if seconds is None else seconds
    done: Future[_Result] = Future()

    def run() -> None:
        try:
            done.set_result(call())
        except BaseException as error:
            done.set_exception(error)

    thread = Thread(target=run, daemon=True)
    thread.start()
    try:
        return done.result(limit)
    except TimeoutError:
        if done.done():
            raise
        _left.append(thread)
        raise TimeoutError(f"there was no answer within {limit:,.0f} seconds") from None


def left_behind() -> bool:
    """Whether calls go on that took too long: libraries may wait for them as a process ends."""
    return any(each.is_alive() for each in _left)
