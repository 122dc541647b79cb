"""What runs a model: token ids in, vectors out, on whatever this machine has for it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from encoder.batches import Batch

Vectors = NDArray[np.float32]
# Of a processor; more do not help one short text, however many cores there are.
MOST_THREADS = 4


class Engine(Protocol):
    """A model that is ready to run; `lanes` calls of `many` may run at the same time.

    budget: tokens that a batch of `many` should have.
    """

    lanes: int
    budget: int

    def one(self, batch: Batch) -> Vectors:
        """float32 [n, dim], not made unit length, as soon as `MOST_THREADS` can."""

    def many(self, batch: Batch) -> Vectors:
        """float32 [n, dim], not made unit length; within `open_lanes` only."""

    def open_lanes(self) -> AbstractContextManager[None]:
        """Share the machine out among the lanes, and take it back."""
