"""Stages in threads of their own, joined by bounded queues; one failure ends them all."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from ingest.records import PAUSE
from ingest.run.batch.queue import BoundedQueue
from ingest.tally import Stage

T = TypeVar("T")
POLL_SECONDS = 0.05
# So long nothing comes before that is called a pause.
PAUSE_SECONDS = 0.5
LOOK_SECONDS = 0.01
# A request that is on its way, or a read of standard input, may outlast the run.
LEAVE_SECONDS = 2.0
# Characters of text that may wait between two stages, be they many passages or few long ones.
HEAVIEST = 8_000_000
_END: Any = object()


def wait_for(done: threading.Event, seconds: float) -> None:
    """Wait for the event, at most so long.

    As Event.wait, whose lock breaks where two interrupts follow each other closely.
    """
    deadline = time.monotonic() + seconds
    while not done.is_set() and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)


class CancelledError(Exception):
    """Another stage failed, so this one ends too."""


class Clock:
    """Seconds that each stage worked: its own time, less what it waited for its input."""

    def __init__(self) -> None:
        self._spent: dict[Stage, float] = {}
        self._threads_of: dict[Stage, int] = {}
        self._began = time.monotonic()
        self._lock = threading.Lock()

    def add(self, stage: Stage, seconds: float, threads: int = 1) -> None:
        """Count seconds for (or, negative, against) a stage that runs in `threads` threads."""
        with self._lock:
            self._spent[stage] = self._spent.get(stage, 0.0) + seconds
            self._threads_of[stage] = threads

    @property
    def spent(self) -> dict[Stage, float]:
        """Seconds of work of each stage, divided by its threads."""
        with self._lock:
            return {name: spent / self._threads_of[name] for name, spent in self._spent.items()}

    def timed(self, stage: Stage, items: Iterator[T]) -> Iterator[T]:
        """Yield the items, counting the time that they take for the stage that makes them."""
        while True:
            began = time.monotonic()
            item = next(items, _END)
            self.add(stage, time.monotonic() - began)
            if item is _END:
                return
            yield item

    def waited(self, items: Iterator[T], consumer: Stage) -> Iterator[T]:
        """Yield the items, counting the time they take against their consumer."""
        while True:
            began = time.monotonic()
            item = next(items, _END)
            self.add(consumer, began - time.monotonic())
            if item is _END:
                return
            yield item

    def measure(self, stage: Stage, work: Callable[[], None], threads: int) -> None:
        """Do the work, counting its time for a stage that runs in `threads` threads."""
        began = time.monotonic()
        try:
            work()
        finally:
            self.add(stage, time.monotonic() - began, threads)

    @property
    def seconds(self) -> float:
        """Seconds since the clock was made."""
        return time.monotonic() - self._began

    def shares(self) -> dict[Stage, float]:
        """The share of the time, from 0 to 1, that each stage was busy."""
        wall = self.seconds or 1.0
        return {name: min(1.0, max(0.0, spent / wall)) for name, spent in self.spent.items()}


class Flow:
    """The threads of one run.

    `stopping` ends the run early but in order: what has a vector is still written. `cancelled` ends
    it at once.
    """

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.cancelled = threading.Event()
        self.error: BaseException | None = None
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def end(self) -> None:
        """Release every thread that still waits, and give each a moment to leave."""
        self.cancelled.set()
        deadline = time.monotonic() + LEAVE_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def fail(self, error: BaseException) -> None:
        """End every stage; the first error is the run's error."""
        with self._lock:
            if self.error is None and not isinstance(error, CancelledError):
                self.error = error
        self.cancelled.set()

    def pause(self, seconds: float) -> None:
        """Sleep, and raise CancelledError as soon as the run is cancelled."""
        if self.cancelled.wait(seconds):
            raise CancelledError

    def background(self, work: Callable[[], None]) -> threading.Event:
        """Do the work in a thread, and set the event once it ended, well or not."""
        done = threading.Event()

        def ending() -> None:
            try:
                work()
            except BaseException as error:
                self.fail(error)
            finally:
                done.set()

        self._start(ending)
        return done

    def buffered(
        self,
        items: Iterator[T],
        most: int,
        *,
        drains: bool,
        weigh: Callable[[T], int] = lambda item: 0,
        pauses: bool = False,
    ) -> Iterator[T]:
        """Run `items` in a thread of its own, a bounded part ahead of who consumes the result.

        most: items ahead; weigh: the weight of an item, of which at most about HEAVIEST is ahead;
        drains: whether a run that is stopping still hands over what was made; pauses: whether PAUSE
        is among the items where nothing comes for a while.
        """
        return self.joined(lambda put: items, most, drains=drains, weigh=weigh, pauses=pauses)

    def joined(
        self,
        make: Callable[[Callable[[T], None]], Iterator[T]],
        most: int,
        *,
        drains: bool,
        weigh: Callable[[T], int] = lambda item: 0,
        pauses: bool = False,
    ) -> Iterator[T]:
        """As `buffered`, for items of which some take a short cut.

        make: given a function that hands an item to the consumer, out of turn and from any thread,
        returns the items that come in turn; it has used that function for the last time when they
        end.
        """
        line: BoundedQueue[T] = BoundedQueue(
            most, HEAVIEST, lambda item: 0 if item is _END or item is PAUSE else weigh(item)
        )
        items = make(lambda item: self._put(line, item))
        self._start(lambda: self._fill(line, items))
        return self._drain(line, drains, pauses)

    def workers(self, count: int, items: Iterator[T], work: Callable[[T], None]) -> None:
        """Do the work for every item in `count` threads, and return when all is done.

        Raises CancelledError when the run was cancelled.
        """
        lock = threading.Lock()

        def pull() -> T:
            with lock:
                item: T = next(items, _END)
                return item

        def loop() -> None:
            while (item := pull()) is not _END:
                work(item)

        threads = [self._start(loop) for _ in range(count)]
        for thread in threads:
            while thread.is_alive() and not self.cancelled.is_set():
                thread.join(POLL_SECONDS)
        if self.cancelled.is_set():
            raise CancelledError

    def _start(self, work: Callable[[], None]) -> threading.Thread:
        def guarded() -> None:
            try:
                work()
            except BaseException as error:
                self.fail(error)

        # A thread that hangs in a read of standard input must not keep the process alive.
        thread = threading.Thread(target=guarded, daemon=True)
        thread.start()
        self._threads.append(thread)
        return thread

    def _fill(self, line: BoundedQueue[T], items: Iterator[T]) -> None:
        for item in items:
            self._put(line, item)
        self._put(line, _END, urgent=True)

    def _put(self, line: BoundedQueue[T], item: T, *, urgent: bool = False) -> None:
        while not line.put(item, urgent=urgent):
            if self.cancelled.is_set():
                raise CancelledError

    def _drain(self, line: BoundedQueue[T], drains: bool, pauses: bool) -> Iterator[T]:
        quiet = math.inf  # when the quiet began; not yet, or it was told
        while not (self.stopping.is_set() and not drains):
            if self.cancelled.is_set():
                raise CancelledError
            for item in line.get():
                if item is _END:
                    return
                yield item
                quiet = time.monotonic()
            if pauses and time.monotonic() - quiet > PAUSE_SECONDS:
                quiet = math.inf
                yield PAUSE
