"""Passages become vectors, lazily, and no bad vector leaves this stage."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from threading import Event

from ingest.records import PAUSE, Passage, PassageEncoder
from ingest.tally import Tally
from tandem.base.vectors import VectorFault, as_vector


def encode(
    passages: Iterator[Passage],
    encoder: PassageEncoder,
    tally: Tally,
    stopping: Event,
    pass_by: Callable[[Passage], None],
) -> Iterator[Passage]:
    """The passages with their vectors; one that has a vector already goes to `pass_by` at once.

    A vector that the cluster would refuse (zero, NaN, infinite, of another shape) is rejected with
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
            found = as_vector(vector, encoder.dim)
            if isinstance(found, VectorFault):
                tally.reject_passage(passage, f"the vector {found.told}")
            else:
                yield replace(passage, vector=found)
