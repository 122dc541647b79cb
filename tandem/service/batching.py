"""Texts of requests that arrive together are encoded together."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

MOST_TEXTS = 256
# While one batch is encoded, so many texts are worth another beside it: cores that the first leaves
# idle, at its end and while it is handed out, encode the second.
BATCHES = 2
WORTH = 24


class Encoded(NamedTuple):
    """Of each text its vector, float32 [n, dim], and how many tokens it has, where asked for."""

    vectors: Vectors
    tokens: Sequence[int]


Outcome: TypeAlias = Encoded | Exception


class _Asked(NamedTuple):
    texts: Sequence[str]
    counted: bool
    answer: Future[Encoded] | asyncio.Future[Encoded]

    def begin(self) -> bool:
        """Whether somebody still waits; a thread that did not give up now cannot any more."""
        if isinstance(self.answer, Future):
            return self.answer.set_running_or_notify_cancel()
        return not self.answer.cancelled()


class Batcher:
    """Two threads that encode what callers of any thread, and coroutines, ask for.

    A text is encoded at once where no other is; what comes meanwhile is the next batch. So batches
    grow with the load, and nobody waits for a clock.

    encode: texts -> float32 [n, dim]; count: texts -> tokens of each; seen: called with the number
    of texts of each batch.
    """

    def __init__(
        self,
        encode: Callable[[Sequence[str]], Vectors],
        count: Callable[[Sequence[str]], Sequence[int]],
        seen: Callable[[int], None],
    ) -> None:
        self._encode, self._count, self._seen = encode, count, seen
        self._asked: deque[_Asked] = deque()
        self._texts = self._under_way = 0
        self._ending = False
        self._changed = threading.Condition()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(BATCHES)]
        for each in self._threads:
            each.start()

    def submit(self, texts: Sequence[str]) -> Future[Encoded]:
        """The vectors of the texts, when they are there."""
        answer: Future[Encoded] = Future()
        self._ask(_Asked(texts, False, answer))
        return answer

    def encoded(self, texts: Sequence[str]) -> asyncio.Future[Encoded]:
        """The same for a coroutine, with the tokens of the texts."""
        answer: asyncio.Future[Encoded] = asyncio.get_running_loop().create_future()
        self._ask(_Asked(texts, True, answer))
        return answer

    def close(self) -> None:
        """Encode what was asked for, and end."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        for each in self._threads:
            each.join()

    def _ask(self, asked: _Asked) -> None:
        with self._changed:
            self._asked.append(asked)
            self._texts += len(asked.texts)
            if self._due():
                self._changed.notify()

    def _due(self) -> bool:
        """Whether a batch shall begin."""
        return bool(self._asked) and self._texts >= (WORTH if self._under_way else 0)

    def _run(self) -> None:
        while together := self._next():
            waiting = [each for each in together if each.begin()]
            _tell(waiting, self._outcomes(waiting))
            with self._changed:
                self._under_way -= 1
                if self._due():
                    self._changed.notify()

    def _next(self) -> list[_Asked]:
        """What is encoded together next; empty at the end."""
        with self._changed:
            while not self._due():
                if self._ending and not self._asked:
                    return []
                self._changed.wait()
            together, count = [], 0
            while self._asked and count < MOST_TEXTS:
                together.append(self._asked.popleft())
                count += len(together[-1].texts)
            self._texts -= count
            self._under_way += 1
            return together

    def _outcomes(self, together: Sequence[_Asked]) -> list[Outcome]:
        """Of each its own part, or its own error."""
        if not together:
            return []
        texts = [text for each in together for text in each.texts]
        self._seen(len(texts))
        try:
            vectors = self._encode(texts)
            counts = iter(self._count([t for e in together if e.counted for t in e.texts]))
        except Exception as error:
            if len(together) == 1:
                return [error]
            # One caller's text must not cost another its answer.
            return [self._outcomes([each])[0] for each in together]
        found: list[Outcome] = []
        start = 0
        for each in together:
            end = start + len(each.texts)
            tokens = [next(counts) for _ in each.texts] if each.counted else []
            found.append(Encoded(vectors[start:end], tokens))
            start = end
        return found


def _tell(together: Sequence[_Asked], outcomes: Sequence[Outcome]) -> None:
    """Answer threads, and each event loop once for all that wait there.

    To wake it for each of many costs a tenth of what it is to encode a short text.
    """
    of_loops: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Encoded], Outcome]]] = {}
    for asked, outcome in zip(together, outcomes, strict=True):
        if isinstance(asked.answer, Future):
            _settle(asked.answer, outcome)
        else:
            of_loops.setdefault(asked.answer.get_loop(), []).append((asked.answer, outcome))
    for loop, pairs in of_loops.items():
        with suppress(RuntimeError):  # of a loop that is closed, where nobody waits any more
            loop.call_soon_threadsafe(_settle_all, pairs)


def _settle_all(pairs: Sequence[tuple[asyncio.Future[Encoded], Outcome]]) -> None:
    for answer, outcome in pairs:
        if not answer.done():  # who gave up is not answered
            _settle(answer, outcome)


def _settle(answer: Future[Encoded] | asyncio.Future[Encoded], outcome: Outcome) -> None:
    if isinstance(outcome, Exception):
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome)
