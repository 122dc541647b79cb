"""The encoder that made an index's vectors: given, or loaded by what the index remembers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from mappings import EncoderRecord
from query.errors import TargetError
from query.records import QueryEncoder, Vector
from query.target import Target
from query.vectors import SIZE, VectorCache

OnProgress = Callable[[str], None]


class Encoders:
    """One encoder, loaded once and when it is first needed; safe to share by threads.

    given: the caller's encoder; model: a name or folder to load
    the index's recorded model from, where the recorded name does not lead to it; on_progress:
    called with what takes longer while it is loaded.
    """

    def __init__(
        self,
        given: QueryEncoder | None = None,
        model: str | None = None,
        cache: int = SIZE,
        on_progress: OnProgress | None = None,
    ) -> None:
        self._given = given
        self._model = model
        self._on_progress = on_progress
        self._cache = VectorCache(cache)
        self._lock = threading.Lock()
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
        encoder = self._given or self._own(target)
        _check(encoder, target)
        return self._cache.encode(encoder, texts)

    def _own(self, target: Target) -> QueryEncoder:
        record = target.record
        with self._lock:
            if self._loaded and self._loaded[0] == record:
                return self._loaded[1]
            if record is None and self._model is None:
                raise TargetError(
                    f"index {target.name!r} does not say which model encoded it: name the model "
                    "with --model, or search with mode bm25."
                )
            from encoder import Encoder

            settings = dict(record.settings) if record else {}
            name = self._model or (record.model if record else "")
            # What encodes passages would be measured, and maybe quantised, for nothing.
            encoder: QueryEncoder = Encoder.load(
                name, only_queries=True, on_progress=self._on_progress, **settings
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
