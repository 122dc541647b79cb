"""Run a network with torch: on the processor, or on a GPU."""

from __future__ import annotations

from contextlib import AbstractContextManager

import numpy as np
import torch

from encoder.batches import Batch
from encoder.engine import MOST_THREADS, Vectors
from encoder.errors import EncoderError
from encoder.network import Network
from encoder.places import few_threads, place


class TorchEngine:
    """A network on one device, in one type of numbers.

    lanes: of a processor; a GPU has its own.
    """

    def __init__(self, network: Network, device: str, dtype: torch.dtype, lanes: int) -> None:
        self.device = torch.device(device)
        self._network = network.to(self.device, dtype)
        self._place = place(self.device, lanes)
        self.lanes = self._place.lanes
        self.budget = self._place.budget(self._network)

    def one(self, batch: Batch) -> Vectors:
        """See Engine."""
        with few_threads(MOST_THREADS):
            return self.many(batch)

    def many(self, batch: Batch) -> Vectors:
        """See Engine; a batch that does not fit into the device's memory is halved until it does.

        Other errors of torch are raised as they are.
        """
        try:
            return self._run(batch)
        except (RuntimeError, MemoryError) as error:
            if not _no_room(error):
                raise
            if len(batch.numbers) == 1:
                raise EncoderError(
                    f"a text of {batch.ids.shape[1]:,} tokens does not fit into the memory of "
                    f"{self.device}: use --device cpu, or a smaller model."
                ) from error
        self.budget = max(1, self.budget // 2)
        middle = len(batch.numbers) // 2
        halves = (slice(None, middle), slice(middle, None))
        return np.concatenate([self.many(_part(batch, half)) for half in halves])

    def _run(self, batch: Batch) -> Vectors:
        with torch.inference_mode(), self._place.turn():
            ids, kept = self._place.moved(batch.ids), self._place.moved(batch.kept)
            mask = self._place.moved(batch.mask) if batch.padded else None
            vectors: Vectors = self._network(ids, mask, kept).float().cpu().numpy()
        return vectors

    def open_lanes(self) -> AbstractContextManager[None]:
        """See Engine."""
        return self._place.open_lanes()


def _no_room(error: Exception) -> bool:
    """Whether memory ran out: CUDA has an error for it, the others have words."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return any(words in str(error) for words in ("out of memory", "allocate memory"))


def _part(batch: Batch, rows: slice) -> Batch:
    lengths = batch.lengths[rows]
    longest = max(1, int(lengths.max()))
    return Batch(batch.numbers[rows], batch.ids[rows, :longest], lengths, batch.left_out)
