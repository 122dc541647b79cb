"""The first rows of a source, looked at before the load and not lost to it."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Iterator

from ingest.records import Reject, Row
from ingest.settings import MEGABYTE

# Enough to tell types by; fewer of what can be read only once, which is held meanwhile.
ROWS, ROWS_HELD = 1000, 100
CHARACTERS = 16 * MEGABYTE
# So long the first rows are waited for once there is one: a pipe may pause for hours.
SECONDS = 1.0
_POLL_SECONDS = 0.2


def first_rows(rows: Iterator[Row | Reject], most: int) -> Iterator[Row | Reject]:
    """At most so many rows, and fewer where they are large."""
    characters = 0
    for count, row in enumerate(rows, 1):
        yield row
        if isinstance(row, Row):
            characters += sum(len(v) for v in row.value.values() if isinstance(v, str | list))
        if count >= most or characters > CHARACTERS:
            return


class Ahead:
    """Rows of what can be read only once: the first are kept until they are asked for again."""

    def __init__(self, rows: Iterator[Row | Reject]) -> None:
        self._rows = rows
        self._kept: deque[Row | Reject] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._error: BaseException | None = None
        # A read of standard input may hang for ever, and must not keep the process alive.
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def waiting(self) -> int:
        """How many rows were taken and not handed on."""
        return len(self._kept)

    def _read(self) -> None:
        try:
            for row in first_rows(self._rows, ROWS_HELD):
                with self._changed:
                    self._kept.append(row)
                    self._changed.notify_all()
        except BaseException as error:
            self._error = error
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def first(self, stopping: threading.Event) -> list[Row | Reject]:
        """The first rows, those that come within a second of the very first, or before stopping."""
        deadline = math.inf
        with self._changed:
            while not (self._ended or stopping.is_set()) and time.monotonic() < deadline:
                self._changed.wait(_POLL_SECONDS)
                if self._kept and deadline == math.inf:
                    deadline = time.monotonic() + SECONDS
            return list(self._kept)

    def __iter__(self) -> Iterator[Row | Reject]:
        while True:
            with self._changed:
                while not self._kept and not self._ended:
                    self._changed.wait(_POLL_SECONDS)
                if not self._kept:
                    break
                row = self._kept.popleft()
            yield row
        if self._error:
            raise self._error
        yield from self._rows
