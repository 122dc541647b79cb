"""Texts of requests that arrive together are encoded together."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

MOST_TEXTS = 256


class Encoded(NamedTuple):
    """Of each text its vector, float32 [n, dim], and how many tokens it has, where asked for."""

    vectors: Vectors
    tokens: Sequence[int]


class _Asked(NamedTuple):
    texts: Sequence[str]
    counted: bool
    answer: Future[Encoded]


class Batcher:
    """One thread that encodes what callers of any thread ask for.

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
        self._asked: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def submit(self, texts: Sequence[str], *, counted: bool = False) -> Future[Encoded]:
        """The vectors of the texts, and if counted their tokens, when they are there."""
        asked = _Asked(texts, counted, Future())
        self._asked.put(asked)
        return asked.answer

    def close(self) -> None:
        """Encode what was asked for, and end."""
        self._asked.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._asked.get()) is not None:
            together, ending = self._gathered(first)
            # Who gave up is not answered; who did not cannot any more.
            self._answer([e for e in together if e.answer.set_running_or_notify_cancel()])
            if ending:
                return

    def _gathered(self, first: _Asked) -> tuple[list[_Asked], bool]:
        together, count = [first], len(first.texts)
        while count < MOST_TEXTS:
            try:
                each = self._asked.get_nowait()
            except queue.Empty:
                break
            if each is None:
                return together, True
            together.append(each)
            count += len(each.texts)
        return together, False

    def _answer(self, together: list[_Asked]) -> None:
        if not together:
            return
        texts = [text for each in together for text in each.texts]
        self._seen(len(texts))
        try:
            tokens = self._count(texts) if any(each.counted for each in together) else ()
            found = Encoded(self._encode(texts), tokens)
        except Exception as error:
            if len(together) == 1:
                together[0].answer.set_exception(error)
                return
            # One caller's text must not cost another its answer.
            for each in together:
                self._answer([each])
            return
        start = 0
        for each in together:
            end = start + len(each.texts)
            each.answer.set_result(Encoded(found.vectors[start:end], found.tokens[start:end]))
            start = end
