"""An encoder and a cross-encoder without a model, obeying the contracts of the encoder room."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from threading import Event

import numpy as np

SPECIAL = 2


class StubEncoder:
    """Unit vectors that follow from the text alone; words are tokens; counts what it encoded.

    seconds: how long one text takes; bad: text -> the vector to give instead of the right one.
    """

    def __init__(
        self,
        dim: int = 8,
        max_length: int = 64,
        fingerprint: str = "57ab",
        seconds: float = 0.0,
        bad: dict[str, np.ndarray] | None = None,
        batch: int = 32,
    ) -> None:
        self.name, self.fingerprint, self.settings = "stub", fingerprint, {}
        self.dim, self.max_length = dim, max_length
        self.passage_room = max_length - SPECIAL
        self.seconds, self.bad, self.batch = seconds, bad or {}, batch
        self.encoded: list[str] = []
        self.asked: list[str] = []

    def vector(self, text: str) -> np.ndarray:
        """float32 [dim], unit length."""
        if text in self.bad:
            return self.bad[text]
        seed = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
        found = np.random.default_rng(seed).standard_normal(self.dim).astype(np.float32)
        return found / np.linalg.norm(found)

    def encode_passages(self, texts: Sequence[str]) -> np.ndarray:
        return np.stack(list(self.stream_passages(texts)))

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        time.sleep(self.seconds * len(texts))
        self.asked += texts
        return np.stack([self.vector(text) for text in texts])

    def stream_passages(
        self, texts: Iterable[str], stopping: Event | None = None
    ) -> Iterator[np.ndarray]:
        texts = iter(texts)
        while not (stopping and stopping.is_set()) and (batch := list(islice(texts, self.batch))):
            time.sleep(self.seconds * len(batch))
            self.encoded += batch
            yield from map(self.vector, batch)

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in re.finditer(r"\S+", text)]

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) + SPECIAL for text in texts]

    def close(self) -> None:
        pass


class WordScorer:
    """Scores a passage by how many of the query's words it has; counts what it read."""

    name = "words"

    def __init__(self) -> None:
        self.read: list[str] = []

    def score(self, query: str, passages: Sequence[str]) -> np.ndarray:
        self.read += passages
        words = set(query.lower().split())
        found = [len(words & set(re.findall(r"\w+", each.lower()))) for each in passages]
        return np.array(found, dtype=np.float32)
