"""Run a network with torch: on the processor, or on a GPU."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from queue import SimpleQueue
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from encoder.batching.batches import FEW, MOST_THREADS, Batch, Vectors
from encoder.engines.network import Network
from encoder.errors import EncoderError, ModelDamagedError
from encoder.forks import check_process, computed, computing, in_each_child
from tandem.base.process.memory import lacks_memory

CPU_BUDGET = 2048
# More tokens in one batch make no GPU faster, fewer leave it waiting for Python.
GPU_BUDGET = 65_536
LEAST_GPU_BUDGET = 1024
MPS_BUDGET = 16_384
# Share of a GPU's free memory that batches may take: others use it too, and memory splinters.
SHARE_OF_FREE = 0.5
# Texts and tokens of the batch by which a token's memory is measured. Every model takes 32 tokens.
PROBE = (256, 32)
# A worker's copies go while the other computes.
CUDA_CONCURRENCY = 2


class Device(Protocol):
    """A device: how many batches at once, how large, and the way in.

    concurrency: batches that may be in work at the same time.
    """

    concurrency: int

    def budget(self, network: torch.nn.Module) -> int:
        """Tokens that a batch should have, once the network is there."""

    def moved(self, array: np.ndarray[Any, Any]) -> Tensor:
        """A tensor on the device."""

    def turn(self) -> AbstractContextManager[None]:
        """Around one batch, in the thread of its worker."""

    def open_workers(self) -> AbstractContextManager[None]:
        """Around a stream of batches."""


class Processor:
    """Each worker is one thread: two small products side by side need not wait for each other."""

    def __init__(self, concurrency: int) -> None:
        self.concurrency = concurrency

    def budget(self, network: torch.nn.Module) -> int:
        """See Device; as much as a core's cache likes."""
        return CPU_BUDGET

    def moved(self, array: np.ndarray[Any, Any]) -> Tensor:
        """See Device."""
        return torch.from_numpy(array)

    def turn(self) -> AbstractContextManager[None]:
        """See Device."""
        return nullcontext()

    def open_workers(self) -> AbstractContextManager[None]:
        """See Device."""
        return _threads.one_each()


class Cuda:
    """Each worker has a stream of its own, so copies and computation overlap."""

    concurrency = CUDA_CONCURRENCY

    def __init__(self, device: torch.device) -> None:
        self._device = device
        # Kept, because torch keeps the memory of each stream for that stream.
        self._streams: SimpleQueue[torch.cuda.Stream] = SimpleQueue()
        for _ in range(self.concurrency):
            self._streams.put(torch.cuda.Stream(device))  # type: ignore[no-untyped-call]

    def budget(self, network: torch.nn.Module) -> int:
        """See Device; what fits into the free memory, by what a small batch takes."""
        cuda = torch.cuda
        # The weights were moved on another stream than the workers'.
        cuda.synchronize(self._device)
        before = cuda.memory_allocated(self._device)
        cuda.reset_peak_memory_stats(self._device)
        ids = torch.ones(PROBE, dtype=torch.int64, device=self._device)
        with torch.inference_mode():
            network(ids, ids, ids)
        taken = cuda.max_memory_allocated(self._device) - before
        cuda.empty_cache()
        return fitting(cuda.mem_get_info(self._device)[0], taken / ids.numel(), self.concurrency)

    def moved(self, array: np.ndarray[Any, Any]) -> Tensor:
        """See Device; from memory that the GPU reads by itself."""
        return torch.from_numpy(array).pin_memory().to(self._device, non_blocking=True)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """See Device."""
        stream = self._streams.get()
        try:
            with torch.cuda.stream(stream):
                yield
        finally:
            self._streams.put(stream)

    def open_workers(self) -> AbstractContextManager[None]:
        """See Device."""
        return nullcontext()


class Mps:
    """Apple's GPU, which shares its memory with the processor."""

    concurrency = 1

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def budget(self, network: torch.nn.Module) -> int:
        """See Device."""
        return MPS_BUDGET

    def moved(self, array: np.ndarray[Any, Any]) -> Tensor:
        """See Device."""
        return torch.from_numpy(array).to(self._device)

    def turn(self) -> AbstractContextManager[None]:
        """See Device."""
        return nullcontext()

    def open_workers(self) -> AbstractContextManager[None]:
        """See Device."""
        return nullcontext()


def device_for(device: torch.device, concurrency: int) -> Device:
    """The place of a device; concurrency is a processor's."""
    if device.type == "cuda":
        return Cuda(device)
    return Processor(concurrency) if device.type == "cpu" else Mps(device)


def fitting(free: int, of_token: float, concurrency: int) -> int:
    """Tokens of a batch when so many bytes are free and a token takes so many."""
    fits = int(free * SHARE_OF_FREE / concurrency / of_token)
    return min(GPU_BUDGET, max(LEAST_GPU_BUDGET, fits))


class _Threads:
    """torch's number of threads, which is a thread's own; the last one set is that of new threads.

    Kept for the whole process, by all engines together.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held = self._before = 0
        in_each_child(self, _Threads._let_go)

    def _let_go(self) -> None:
        """In a forked process, where no stream goes on that held the threads."""
        self._lock = threading.Lock()
        if self._held:
            torch.set_num_threads(self._before)
        self._held = 0

    @contextmanager
    def few(self, most: int) -> Iterator[None]:
        """At most so many for what the calling thread computes, unless workers are open."""
        before = torch.get_num_threads()
        with self._lock:
            fewer = before > most and not self._held
            if fewer:
                torch.set_num_threads(most)
        try:
            yield
        finally:
            with self._lock:
                # Workers that were opened meanwhile have one each, and this one has all that help.
                if fewer and not self._held:
                    torch.set_num_threads(before)

    @contextmanager
    def one_each(self) -> Iterator[None]:
        """One for each lane while any stream is open; then as many as before."""
        with self._lock:
            if not self._held:
                self._before = torch.get_num_threads()
                torch.set_num_threads(1)
            self._held += 1
        try:
            yield
        finally:
            with self._lock:
                self._held -= 1
                if not self._held:
                    torch.set_num_threads(self._before)


_threads = _Threads()


class TorchEngine:
    """A network on one device, in one type of numbers.

    concurrency: of a processor; a GPU has its own.
    """

    def __init__(self, network: Network, device: str, dtype: torch.dtype, concurrency: int) -> None:
        self.device = torch.device(device)
        self._process = os.getpid()
        self._network = network.to(self.device, dtype)
        self._device = device_for(self.device, concurrency)
        self.concurrency = self._device.concurrency
        self.budget, self.few, self.at_once = self._device.budget(self._network), FEW, 1

    def one(self, batch: Batch) -> Vectors:
        """See Engine."""
        return computed(lambda: self._alone(batch))

    def _alone(self, batch: Batch) -> Vectors:
        with _threads.few(MOST_THREADS):
            return self.many(batch)

    def together(self, batches: Sequence[Batch]) -> Iterator[Vectors]:
        """See Engine."""
        return map(self.one, batches)

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
                ours = self.device.type == "cpu"
                cure = "allow this process more" if ours else "use `device='cpu'`"
                raise EncoderError(
                    f"a text of {batch.ids.shape[1]:,} tokens does not fit into the memory of "
                    f"{self.device}: {cure}, or use a smaller model."
                ) from error
        self.budget = max(1, self.budget // 2)
        middle = len(batch.numbers) // 2
        halves = (slice(None, middle), slice(middle, None))
        return np.concatenate([self.many(_part(batch, half)) for half in halves])

    def _run(self, batch: Batch) -> Vectors:
        if self.device.type != "cpu":
            check_process(str(self.device), self._process)
        with torch.inference_mode(), self._device.turn(), computing():
            ids, kept = self._device.moved(batch.ids), self._device.moved(batch.kept)
            mask = self._device.moved(batch.mask) if batch.padded else None
            try:
                vectors: Vectors = self._network(ids, mask, kept).float().cpu().numpy()
            except IndexError as error:
                raise ModelDamagedError(
                    f"the tokenizer gives a token the number {batch.ids.max():,}, for which the "
                    f"model has no row ({error}): fetch the whole model again."
                ) from error
        return vectors

    def open_workers(self) -> AbstractContextManager[None]:
        """See Engine."""
        return self._device.open_workers()


def _no_room(error: Exception) -> bool:
    """Whether memory ran out: CUDA has an error for it, the others have words."""
    return isinstance(error, torch.OutOfMemoryError) or lacks_memory(error)


def _part(batch: Batch, rows: slice) -> Batch:
    lengths = batch.lengths[rows]
    longest = max(1, int(lengths.max()))
    return Batch(batch.numbers[rows], batch.ids[rows, :longest], lengths, batch.left_out)
