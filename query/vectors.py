"""Vectors of queries, and the ones that were asked before."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from query.errors import QueryError
from query.records import QueryEncoder, Vector

SIZE = 1024


class VectorCache:
    """The vectors of the last queries, least recently used first out; safe to share by threads.

    size: most vectors kept, of 4 bytes a dimension each; 0 keeps none. Raises QueryError for less,
    and for what is no finite number.
    """

    def __init__(self, size: int = SIZE) -> None:
        if not 0 <= size < math.inf:
            raise QueryError(f"the cache is {size} vectors and must be a number of at least 0.")
        self._size = size
        self._kept: OrderedDict[tuple[str, str], Vector] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def encode(self, encoder: QueryEncoder, texts: Sequence[str]) -> list[Vector]:
        """One read-only vector a text, float32 [dim]; only texts that are not kept are encoded."""
        found = self._look_up(encoder.fingerprint, texts)
        missing = [text for text in dict.fromkeys(texts) if text not in found]
        if missing:
            # Not under the lock: encoding takes long, and twice the same costs only time.
            rows = encoder.encode_queries(missing)
            found |= {text: _frozen(row) for text, row in zip(missing, rows, strict=True)}
            self._keep(encoder.fingerprint, missing, found)
        return [found[text] for text in texts]

    def kept(self, fingerprint: str, texts: Sequence[str]) -> list[Vector] | None:
        """One vector a text where all are kept, else None."""
        found = self._look_up(fingerprint, texts)
        return [found[text] for text in texts] if len(found) == len(set(texts)) else None

    def _look_up(self, fingerprint: str, texts: Sequence[str]) -> dict[str, Vector]:
        found: dict[str, Vector] = {}
        with self._lock:
            for text in texts:
                vector = self._kept.get((fingerprint, text))
                if vector is not None:
                    self._kept.move_to_end((fingerprint, text))
                    found[text] = vector
        return found

    def _keep(self, fingerprint: str, texts: Sequence[str], found: dict[str, Vector]) -> None:
        with self._lock:
            for text in texts:
                self._kept[fingerprint, text] = found[text]
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)


def _frozen(row: Vector) -> Vector:
    """A copy of its own, for a view would keep its whole batch in memory."""
    vector = np.array(row, dtype=np.float32)
    vector.setflags(write=False)
    return vector
