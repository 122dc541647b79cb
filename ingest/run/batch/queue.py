"""A bounded queue between two stages, which wakes its consumer seldom."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
# So often a thread that waits looks whether the run has ended, and what there is so far.
QUEUE_POLL_SECONDS = 0.1


class BoundedQueue(Generic[T]):
    """First in, first out; full at `most` items, or once they weigh `heaviest` or more.

    One item is always let in, however heavy, so that no weight can stop the run. Waking a thread
    costs more than most stages need for an item: the consumer is woken for a quarter of `most`, for
    an item that is urgent, or after a moment.
    """

    def __init__(self, most: int, heaviest: int, weigh: Callable[[T], int]) -> None:
        self._most = most
        self._handful = max(1, most // 4)
        self._heaviest = heaviest
        self._weigh = weigh
        self._items: deque[T] = deque()
        self._weight = 0
        self._urgent = False
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._worth = threading.Condition(self._lock)

    def put(self, item: T, *, urgent: bool = False) -> bool:
        """Append the item; False where there was no room within a moment."""
        with self._lock:
            if self._is_full() and not self._room.wait_for(
                lambda: not self._is_full(), QUEUE_POLL_SECONDS
            ):
                return False
            self._items.append(item)
            self._weight += self._weigh(item)
            self._urgent |= urgent
            if self._is_worth_it():
                self._worth.notify()
            return True

    def get(self) -> list[T]:
        """The next items, a handful at most and none where there were none within a moment."""
        with self._lock:
            self._worth.wait_for(self._is_worth_it, QUEUE_POLL_SECONDS)
            count = min(self._handful, len(self._items))
            items = [self._items.popleft() for _ in range(count)]
            self._weight -= sum(map(self._weigh, items))
            self._room.notify_all()
            return items

    def _is_full(self) -> bool:
        return len(self._items) >= self._most or self._weight >= self._heaviest

    def _is_worth_it(self) -> bool:
        return len(self._items) >= self._handful or self._is_full() or self._urgent
