"""Fill batches from a pool of texts of all lengths, with hardly any padding, oldest text first."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

# Share of a full batch's tokens that may be padding in any: a few short texts are one small batch,
# not one for each length.
MOST_PADDING = 0.02


# What one more batch costs, in tokens of a small model: OpenVINO prepares each layer for its shape.
ANOTHER_BATCH = 32


@dataclass(frozen=True)
class Item:
    """The token ids of one text, and its place among all texts."""

    number: int
    ids: Sequence[int]


@dataclass(frozen=True)
class Batch:
    """Texts that are encoded together.

    numbers: place of each text; ids: int64 [n, longest], zeros behind each text; lengths: int64
    [n]; left_out: how many tokens at the beginning are not pooled.
    """

    numbers: tuple[int, ...]
    ids: Ints
    lengths: Ints
    left_out: int = 0

    @property
    def padded(self) -> bool:
        """Whether any text is shorter than the longest."""
        return bool(self.lengths.min() < self.ids.shape[1]) if len(self.lengths) else False

    @property
    def mask(self) -> Ints:
        """int64 [n, longest]: 1 for tokens, 0 for padding."""
        places = np.arange(self.ids.shape[1])
        return (places < self.lengths[:, None]).astype(np.int64)

    @property
    def kept(self) -> Ints:
        """int64 [n, longest]: the mask without the tokens that are left out of pooling."""
        mask = self.mask
        mask[:, : self.left_out] = 0
        return mask


def make_batch(items: Sequence[Item], left_out: int = 0) -> Batch:
    """Put token ids side by side; a text without tokens is a row of zeros with length 0."""
    lengths = np.array([len(item.ids) for item in items], np.int64)
    # At least one column: a model cannot run on none.
    ids = np.zeros((len(items), max(1, int(lengths.max(initial=0)))), np.int64)
    for row, item in enumerate(items):
        ids[row, : lengths[row]] = item.ids
    return Batch(tuple(item.number for item in items), ids, lengths, left_out)


def widened(batch: Batch, tokens: int) -> Batch:
    """The same texts, padded to so many tokens."""
    ids = np.zeros((len(batch.ids), tokens), np.int64)
    ids[:, : batch.ids.shape[1]] = batch.ids
    return replace(batch, ids=ids)


def split(items: Sequence[Item], most: int) -> list[list[Item]]:
    """A few texts in batches of like length, for which padding and batches cost least together.

    most: tokens of a batch, unless one text alone is longer.
    """
    ordered = sorted(items, key=lambda item: len(item.ids))
    # Of the first n texts: the least cost, and where the last of their batches begins.
    costs, begins = [0], [0]
    for end, item in enumerate(ordered, 1):
        longest = len(item.ids)
        first = min(end - 1, max(0, end - most // max(1, longest)))
        cost, begin = min(
            (costs[n] + ANOTHER_BATCH + longest * (end - n), n) for n in range(first, end)
        )
        costs.append(cost)
        begins.append(begin)
    found, end = [], len(ordered)
    while end:
        found.append(ordered[begins[end] : end])
        end = begins[end]
    return found


class Pool:
    """Texts that wait to be encoded, by length.

    Every batch holds the text that waits longest and those nearest to it in length, so texts leave
    soon after they came, and in a pool of a thousand texts neighbours differ by a token or none.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._by_length: dict[int, deque[Item]] = {}  # oldest first
        self._lengths: list[int] = []  # sorted
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, item: Item) -> None:
        """Take in a text; numbers must rise."""
        length = len(item.ids)
        if length not in self._by_length:
            self._by_length[length] = deque()
            insort(self._lengths, length)
        self._by_length[length].append(item)
        self._size += 1

    def take(self) -> list[Item]:
        """The next batch, at most the budget of tokens unless one text alone is longer.

        The pool must not be empty.
        """
        oldest = min((queue[0] for queue in self._by_length.values()), key=lambda item: item.number)
        low = high = len(oldest.ids)
        taken = [self._pop(low)]
        tokens = low
        while (length := self._nearest(low, high, len(taken))) is not None:
            longest = max(high, length)
            area = longest * (len(taken) + 1)
            if area > self._budget or area - tokens - length > MOST_PADDING * self._budget:
                break
            taken.append(self._pop(length))
            tokens += length
            low, high = min(low, length), longest
        return taken

    def _nearest(self, low: int, high: int, count: int) -> int | None:
        """A length from low to high, else the one outside that costs the least padding."""
        at = bisect_left(self._lengths, low)
        below = self._lengths[at - 1] if at else None
        above = self._lengths[at] if at < len(self._lengths) else None
        if above is not None and above <= high:
            return above
        if below is None or above is None:
            return above if below is None else below
        return below if high - below <= (above - high) * count else above

    def _pop(self, length: int) -> Item:
        queue = self._by_length[length]
        item = queue.popleft()
        if not queue:
            del self._by_length[length]
            self._lengths.remove(length)
        self._size -= 1
        return item


Vectors = NDArray[np.float32]
# Texts that engines without a better way encode one batch after the other.
FEW = 16
# Of a processor; more do not help one short text, however many cores there are.
MOST_THREADS = 4


class Engine(Protocol):
    """A model that is ready to run; `concurrency` calls of `many` may run at the same time.

    budget: tokens that a batch of `many` should have; few: so many texts are encoded sooner by
    `together` than by workers; at_once: so many batches of `together` run at the same time.
    """

    concurrency: int
    budget: int
    few: int
    at_once: int

    def one(self, batch: Batch) -> Vectors:
        """float32 [n, dim], not made unit length, as soon as `MOST_THREADS` can."""

    def together(self, batches: Sequence[Batch]) -> Iterator[Vectors]:
        """What `one` gives of each, at the same time where the machine can."""

    def many(self, batch: Batch) -> Vectors:
        """float32 [n, dim], not made unit length; within `open_workers` only."""

    def open_workers(self) -> AbstractContextManager[None]:
        """Share the machine out among the workers, and take it back."""
