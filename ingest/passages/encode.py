"""Passages become vectors, lazily, and no bad vector leaves this stage."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from threading import Event

import numpy as np

from ingest.records import PAUSE, Passage, PassageEncoder, Vector
from ingest.tally import Tally


def encode(
    passages: Iterator[Passage],
    encoder: PassageEncoder,
    tally: Tally,
    stopping: Event,
    pass_by: Callable[[Passage], None],
) -> Iterator[Passage]:
    """The passages with their vectors; one that has a vector already goes to `pass_by` at once.

    A vector that the cluster would refuse (zero, NaN, infinite, of another length) is rejected with
    its document. When the run is stopping, what is not encoded yet is left to the next run.
    """
    waiting: deque[Passage] = deque()
    ended = Event()

    def texts() -> Iterator[str]:
        # The encoder reads ahead, in a thread of its own: what is waiting is what it has read.
        for passage in passages:
            if passage is PAUSE:
                return
            if passage.vector is None:
                waiting.append(passage)
                yield passage.encoded
            else:
                pass_by(passage)
        ended.set()

    # Up to a pause at a time, for an encoder waits until it has enough for a batch.
    while not ended.is_set() and not stopping.is_set():
        for vector in encoder.stream_passages(texts(), stopping):
            passage = waiting.popleft()
            if not vector.size and stopping.is_set():
                continue
            tally.count("encoded")
            if fault := fault_of(vector, encoder.dim):
                tally.reject_passage(passage, fault)
            else:
                yield replace(passage, vector=vector)


def fault_of(vector: Vector, dim: int) -> str | None:
    """Why the cluster would refuse a vector, or None; vector: float32 [dim]."""
    if vector.shape != (dim,):
        return f"the vector has shape {vector.shape} and must have ({dim},)"
    if 0.0 < float(vector @ vector) < np.inf:  # nearly all: one quick look tells
        return None
    if not np.isfinite(vector).all():
        return "the vector has NaN or infinite components"
    if not vector.any():
        return "the vector is zero, which has no cosine"
    return None
