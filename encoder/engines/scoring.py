"""What a cross-encoder's network is to the rest: batches in, log-odds out, and what they mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from encoder.batching.batches import Vectors

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


class Scoring(NamedTuple):
    """run: ids, mask, kinds (0 for the query, 1 for the passage), int64 [n, tokens] each.

    It gives log-odds, float32 [n]; activate: these as the scores that the model's authors mean,
    float32 [n].
    """

    run: Callable[[Ints, Ints, Ints], Vectors]
    activate: Callable[[Vectors], Vectors]


def log_odds(logits: Floats) -> Vectors:
    """The logit of one label, of two the second's less the first's: float32 [n, 1 or 2] -> [n]."""
    found: Vectors = logits[:, -1] - logits[:, 0] if logits.shape[1] == 2 else logits[:, 0]
    return found


def sigmoid(odds: Vectors) -> Vectors:
    """The probability that log-odds stand for, without overflow; float32 [n] -> [n]."""
    found: Vectors = (0.5 * (1 + np.tanh(0.5 * odds))).astype(np.float32)
    return found
