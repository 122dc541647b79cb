"""Several GPUs: one process for each, because one Python cannot keep two of them busy."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, ExitStack, nullcontext
from queue import SimpleQueue
from typing import TypeVar

from encoder.batching.batches import FEW, Batch, Engine, Vectors
from encoder.errors import EncoderError
from encoder.forks import check_process
from encoder.model.modules import Route
from tandem.base.process.children import without_secrets
from tandem.base.process.harmless import guard_child

# While one batch is computed the next one is on its way.
CONCURRENCY_OF_ONE = 2
T = TypeVar("T")
# Of this process, which is one device's: the engine, and its workers, open until the process ends.
_engine: Engine
_lanes = ExitStack()


class ProcessesEngine:
    """The same network in a process of its own for each device.

    A Python script that uses it must keep its work under `if __name__ == "__main__":`, as always
    where processes are started anew.
    """

    def __init__(self, route: Route, devices: list[str], precision: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._devices = devices
        self._process = os.getpid()
        self._pools = [ProcessPoolExecutor(1, context, _begin) for _ in devices]
        with without_secrets():
            opening = [
                pool.submit(_open, route, device, precision)
                for pool, device in zip(self._pools, devices, strict=True)
            ]
        self.budget = min(self._told(n, each.result) for n, each in enumerate(opening))
        self.few, self.at_once = FEW, 1
        self.concurrency = CONCURRENCY_OF_ONE * len(devices)
        self._free: SimpleQueue[int] = SimpleQueue()
        for _ in range(CONCURRENCY_OF_ONE):
            for number in range(len(devices)):
                self._free.put(number)

    def one(self, batch: Batch) -> Vectors:
        """See Engine."""
        return self.many(batch)

    def together(self, batches: Sequence[Batch]) -> Iterator[Vectors]:
        """See Engine."""
        return map(self.one, batches)

    def many(self, batch: Batch) -> Vectors:
        """See Engine."""
        check_process(", ".join(self._devices), self._process)
        number = self._free.get()
        try:
            submit = self._pools[number].submit
            return self._told(number, lambda: submit(_many, batch).result())
        finally:
            self._free.put(number)

    def open_workers(self) -> AbstractContextManager[None]:
        """See Engine; each process has its device to itself."""
        return nullcontext()

    def _told(self, number: int, work: Callable[[], T]) -> T:
        """What work gives; raises EncoderError where the process is no longer there."""
        try:
            return work()
        except BrokenProcessPool as error:
            raise EncoderError(
                f"the process that encodes on {self._devices[number]} was ended from outside, "
                "perhaps for want of memory: look in the system's log, or give fewer devices."
            ) from error


def _begin() -> None:
    # Ctrl-C goes to the main process, which has what was encoded written first.
    guard_child()
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _open(route: Route, device: str, precision: str) -> int:
    """Load the network into this process; tokens that a batch should have."""
    global _engine
    import torch

    from encoder.engines.network import build
    from encoder.engines.torch_engine import TorchEngine

    engine = TorchEngine(build(route), device, getattr(torch, precision), concurrency=1)
    _lanes.enter_context(engine.open_workers())
    _engine = engine
    return engine.budget


def _many(batch: Batch) -> Vectors:
    return _engine.many(batch)
