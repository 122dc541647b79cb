"""Texts in, vectors out, lazily and in order: tokenised in one thread, encoded in several."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from types import TracebackType

import numpy as np

from encoder.batching.batches import Batch, Engine, Item, Pool, Vectors, make_batch
from encoder.batching.tokens import Tokens
from tandem.base.vectors import Vector

# Texts tokenised in one call, and calls that may be ahead.
CHUNK = 256
CHUNKS_AHEAD = 4
# Characters in one call: a few very long texts are not tokenised together.
CHUNK_CHARACTERS = 1_000_000
# Texts that wait in the pool, for each 2,048 tokens of a batch.
POOL_TEXTS = 1024
POOL_TOKENS = 2048
# Characters of texts that were taken and whose vectors were not given yet: who hands texts over
# keeps them that long, and some are very long.
MOST_CHARACTERS = 16_000_000
# So long a worker may stand idle while texts that make a better batch are awaited.
PATIENCE = 0.05

_NONE = np.empty(0, np.float32)
Running = dict["Future[Vectors]", Batch]


def stream(
    texts: Iterable[str], tokens: Tokens, engine: Engine, stopping: threading.Event | None = None
) -> Iterator[Vector]:
    """A vector, float32 [dim], for each text, in order; raises the errors of both.

    Memory is bounded by the pool and the batches in work, however many texts there are. Once it is
    stopping, no batch is begun: what is encoded still comes, with an empty vector, float32 [0], for
    each text in between that is not.
    """
    stopping = stopping or threading.Event()
    pool_size = max(POOL_TEXTS, POOL_TEXTS * engine.budget // POOL_TOKENS)
    pool = Pool(engine.budget)
    running: Running = {}
    done: dict[int, Vector] = {}
    given = 0
    with (
        _Tokeniser(texts, tokens) as incoming,
        engine.open_workers(),
        ThreadPoolExecutor(engine.concurrency, "encode") as workers,
    ):
        try:
            while not stopping.is_set() and (
                incoming.fill(pool, pool_size, block=not running) or pool or running
            ):
                while pool and len(running) < 2 * engine.concurrency:
                    batch = make_batch(pool.take(), tokens.left_out)
                    running[workers.submit(engine.many, batch)] = batch
                _collect(running, done, PATIENCE if incoming.open else None)
                while given in done:
                    incoming.forget_one()
                    yield done.pop(given)
                    given += 1
            yield from _rest(running, done, given)
        finally:
            for future in running:
                future.cancel()


def _rest(running: Running, done: dict[int, Vector], given: int) -> Iterator[Vector]:
    """What a stream that is stopping has encoded, or is encoding now, and has not given yet."""
    for future in [each for each in running if each.cancel()]:
        del running[future]
    while running:
        _collect(running, done, None)
    for number in range(given, max(done, default=given - 1) + 1):
        yield done.get(number, _NONE)


def _collect(running: Running, done: dict[int, Vector], timeout: float | None) -> None:
    """Take in the batches that are ready, waiting for the first one."""
    finished, _ = wait(running, timeout, FIRST_COMPLETED)
    for future in finished:
        batch = running.pop(future)
        done.update(zip(batch.numbers, future.result(), strict=True))


class _Tokeniser:
    """Reads and tokenises in a thread of its own, a bounded part ahead."""

    def __init__(self, texts: Iterable[str], tokens: Tokens) -> None:
        self._texts = iter(texts)
        self._tokens = tokens
        self._ready: queue.Queue[list[list[int]] | BaseException | None] = queue.Queue(CHUNKS_AHEAD)
        self._stopped = threading.Event()
        # Of each text that was taken and not given back as a vector, oldest first.
        self._sizes: deque[int] = deque()
        self._characters = 0
        self._less = threading.Condition()
        self._number = 0
        self.open = True

    def __enter__(self) -> _Tokeniser:
        # A daemon, because a read of the texts may never return.
        threading.Thread(target=self._work, name="tokenise", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped.set()

    def fill(self, pool: Pool, size: int, *, block: bool) -> bool:
        """Put texts into the pool until it is full or none came for a moment; False at the end.

        block: whether to wait for as long as it takes where the pool is empty.
        """
        while self.open and len(pool) < size:
            try:
                found = self._ready.get(timeout=None if block and not pool else PATIENCE)
            except queue.Empty:
                break
            if found is None:
                self.open = False
            elif isinstance(found, BaseException):
                raise found
            else:
                for ids in found:
                    pool.add(Item(self._number, ids))
                    self._number += 1
        return self.open

    def forget_one(self) -> None:
        """The vector of the oldest text is given, so nobody needs that text any more."""
        with self._less:
            self._characters -= self._sizes.popleft()
            self._less.notify()

    def _work(self) -> None:
        try:
            first = 0
            for chunk in _chunks(self._texts):
                ids = self._tokens.ids(chunk, first)
                first += len(chunk)
                self._remember([len(text) for text in chunk])
                self._put(ids)
                self._wait_for_room()
                if self._stopped.is_set():
                    return
            self._put(None)
        except BaseException as error:
            self._put(error)

    def _remember(self, sizes: list[int]) -> None:
        with self._less:
            self._sizes.extend(sizes)
            self._characters += sum(sizes)

    def _wait_for_room(self) -> None:
        with self._less:
            while self._characters > MOST_CHARACTERS and not self._stopped.is_set():
                self._less.wait(PATIENCE)

    def _put(self, item: list[list[int]] | BaseException | None) -> None:
        while not self._stopped.is_set():
            try:
                self._ready.put(item, timeout=PATIENCE)
                return
            except queue.Full:
                continue


def _chunks(texts: Iterator[str]) -> Iterator[list[str]]:
    while chunk := list(_bounded(texts)):
        yield chunk


def _bounded(texts: Iterator[str]) -> Iterator[str]:
    characters = 0
    for text in islice(texts, CHUNK):
        yield text
        # What is no string is told where it is tokenised.
        characters += len(text) if isinstance(text, str) else 0
        if characters >= CHUNK_CHARACTERS:
            return
