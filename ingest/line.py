"""A queue between two threads that is bounded in items and in weight."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
# So often a thread that waits looks whether the run has ended.
POLL_SECONDS = 0.1


class Line(Generic[T]):
    """First in, first out; full at `most` items, or once they weigh `heaviest` or more.

    One item is always let in, however heavy, so that no weight can stop the run.
    """

    def __init__(self, most: int, heaviest: int, weigh: Callable[[T], int]) -> None:
        self._most = most
        self._heaviest = heaviest
        self._weigh = weigh
        self._items: deque[T] = deque()
        self._weight = 0
        self._changed = threading.Condition()

    def put(self, item: T) -> bool:
        """Append the item; False where there was no room within a moment."""
        with self._changed:
            if self._full() and not self._changed.wait_for(self._room, POLL_SECONDS):
                return False
            self._items.append(item)
            self._weight += self._weigh(item)
            self._changed.notify_all()
            return True

    def get(self) -> list[T]:
        """The next item in a list, which is empty where there was none within a moment."""
        with self._changed:
            if not self._items:
                self._changed.wait(POLL_SECONDS)
            if not self._items:
                return []
            item = self._items.popleft()
            self._weight -= self._weigh(item)
            self._changed.notify_all()
            return [item]

    def _full(self) -> bool:
        return len(self._items) >= self._most or self._weight >= self._heaviest

    def _room(self) -> bool:
        return not self._full()
