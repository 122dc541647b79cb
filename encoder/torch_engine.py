"""Run a network with torch: on the processor, or on a GPU."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from encoder.batches import Batch
from encoder.engine import Vectors
from encoder.errors import EncoderError
from encoder.network import Network

CPU_BUDGET = 2048
GPU_BUDGET = 65_536
_threads_lock = threading.Lock()
_threads_held = 0
_threads_before = 0


class TorchEngine:
    """A network on one device, in one type of numbers.

    On a processor each lane is one thread, because two small products side by side need no waiting
    for each other; a GPU has one lane.
    """

    def __init__(self, network: Network, device: str, dtype: torch.dtype, lanes: int) -> None:
        self.device = torch.device(device)
        self._network = network.to(self.device, dtype)
        self.on_cpu = self.device.type == "cpu"
        self.lanes = lanes if self.on_cpu else 1
        self.budget = CPU_BUDGET if self.on_cpu else GPU_BUDGET

    def one(self, batch: Batch) -> Vectors:
        """See Engine."""
        return self.many(batch)

    def many(self, batch: Batch) -> Vectors:
        """See Engine; a batch that does not fit into a GPU's memory is halved until it does."""
        try:
            return self._run(batch)
        except torch.OutOfMemoryError as error:
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
        with torch.inference_mode():
            ids, kept = self._moved(batch.ids), self._moved(batch.kept)
            mask = self._moved(batch.mask) if batch.padded else None
            vectors: Vectors = self._network(ids, mask, kept).float().cpu().numpy()
        return vectors

    def _moved(self, array: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> torch.Tensor:
        return torch.from_numpy(array).to(self.device)

    @contextmanager
    def open_lanes(self) -> Iterator[None]:
        """One thread for each lane while any stream is open; then as many as before."""
        if not self.on_cpu:
            yield
            return
        _hold_threads()
        try:
            yield
        finally:
            _free_threads()


def _part(batch: Batch, rows: slice) -> Batch:
    lengths = batch.lengths[rows]
    longest = max(1, int(lengths.max()))
    return Batch(batch.numbers[rows], batch.ids[rows, :longest], lengths, batch.left_out)


def _hold_threads() -> None:
    """Set one thread, which holds for the whole process, unless another stream has done so."""
    global _threads_held, _threads_before
    with _threads_lock:
        if not _threads_held:
            _threads_before = torch.get_num_threads()
            torch.set_num_threads(1)
        _threads_held += 1


def _free_threads() -> None:
    global _threads_held
    with _threads_lock:
        _threads_held -= 1
        if not _threads_held:
            torch.set_num_threads(_threads_before)
