"""The models that help a search, as it sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class QueryEncoder(Protocol):
    """The part of encoder.Encoder that a search uses."""

    @property
    def name(self) -> str:
        """The model's canonical name."""

    @property
    def fingerprint(self) -> str:
        """Hexadecimal digest of everything that decides a vector."""

    @property
    def dim(self) -> int:
        """Length of one vector."""

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors, float32 [n, dim], one row for each text; safe to call from threads."""


class PassageScorer(Protocol):
    """The part of encoder.CrossEncoder that a search uses."""

    @property
    def name(self) -> str:
        """The model's name."""

    def score(self, query: str, passages: Sequence[str]) -> NDArray[np.float32]:
        """One score for each passage, float32 [n]; higher is better."""
