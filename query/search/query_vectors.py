"""Vectors of queries: by the encoder that the index remembers, and kept for the next time."""

from __future__ import annotations

import math
import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mappings import EncoderRecord
from query.errors import QueryError, TargetError
from query.models import QueryEncoder
from query.target import Target
from tandem.base.vectors import Vector

if TYPE_CHECKING:
    from encoder.selection.preparation import OnStep

SIZE = 1024


class ProcessLock:
    """A lock of the process that takes it.

    One that a thread of the parent held at a fork is never released in the child.
    """

    def __init__(self) -> None:
        self._locks: dict[int, threading.Lock] = {}

    def __enter__(self) -> None:
        self._locks.setdefault(os.getpid(), threading.Lock()).acquire()

    def __exit__(self, *_: object) -> None:
        self._locks[os.getpid()].release()


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
        self._lock = ProcessLock()

    def __len__(self) -> int:
        return len(self._kept)

    def encode(self, encoder: QueryEncoder, texts: Sequence[str]) -> list[Vector]:
        """One read-only vector a text, float32 [dim]; only texts that are not kept are encoded."""
        found = self._look_up(encoder.fingerprint, texts)
        missing = [text for text in dict.fromkeys(texts) if text not in found]
        if missing:
            # Not under the lock: encoding takes long, and twice the same costs only time.
            rows = encoder.encode_queries(missing)
            if len(rows) != len(missing):
                raise QueryError(
                    f"the encoder {encoder.name} gives {len(rows)} vectors for {len(missing)} "
                    "queries: it must give one for each, in their order."
                )
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


class Encoders:
    """One encoder, loaded once and when it is first needed; safe to share by threads.

    given: the caller's encoder; model: a name or folder to load the index's model from, needed
    where its record names a folder, or a model that is not on this machine; on_progress: called
    with what takes longer while it is loaded.
    """

    def __init__(
        self,
        given: QueryEncoder | None = None,
        model: str | None = None,
        cache: int = SIZE,
        on_progress: OnStep | None = None,
    ) -> None:
        self._given = given
        self._model = model
        self._on_progress = on_progress
        self._cache = VectorCache(cache)
        self._lock = ProcessLock()
        self._loaded: tuple[EncoderRecord | None, QueryEncoder] | None = None

    def kept(self, texts: Sequence[str], target: Target) -> list[Vector] | None:
        """The vectors where none has to be encoded, else None."""
        encoder = self._given or (self._loaded[1] if self._loaded else None)
        if encoder is None:
            return None
        _check(encoder, target)
        return self._cache.kept(encoder.fingerprint, texts)

    def encode(self, texts: Sequence[str], target: Target) -> list[Vector]:
        """One read-only vector a text, float32 [dim].

        Raises TargetError where the encoder is not the one that made the index's vectors, or where
        none is named, and EncoderError where it cannot be loaded.
        """
        encoder = self.of(target)
        _check(encoder, target)
        return self._cache.encode(encoder, texts)

    def of(self, target: Target) -> QueryEncoder:
        """The encoder itself, loaded where it is not yet; raises as `encode`."""
        return self._given or self._own(target)

    def _own(self, target: Target) -> QueryEncoder:
        record = target.record
        with self._lock:
            if self._loaded and self._loaded[0] == record:
                return self._loaded[1]
            if record is None and self._model is None:
                raise TargetError(
                    f"index {target.name!r} does not say which model encoded it: name the model "
                    "with `model`, or search with mode bm25."
                )
            from encoder import Encoder

            settings = dict(record.settings) if record else {}
            name = self._model or (record.model if record else "")
            # What encodes passages would be measured, and maybe quantised, for nothing.
            encoder: QueryEncoder = Encoder.load(
                name,
                only_queries=True,
                recorded=self._model is None,
                on_progress=self._on_progress,
                **settings,
            )
            # Another thread may still encode with the one before: it goes when nobody uses it.
            self._loaded = (record, encoder)
            return encoder

    def close(self) -> None:
        """Let go of the encoder that was loaded here, and of its memory."""
        with self._lock:
            self._loaded = None


def _check(encoder: QueryEncoder, target: Target) -> None:
    record = target.record
    if record and record.fingerprint != encoder.fingerprint:
        raise TargetError(
            f"index {target.name!r} was encoded by {record.model} (fingerprint "
            f"{record.fingerprint}) and the query's encoder is {encoder.name} (fingerprint "
            f"{encoder.fingerprint}): vectors of two models do not compare, so search with the "
            "index's own, or ingest again with yours."
        )
