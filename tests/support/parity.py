"""Our vectors beside those of sentence-transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from sentence_transformers import SentenceTransformer

from encoder import Encoder
from tests.support import models

CLOSE = 1e-6
# Empty, blank, one token, prose, beyond every maximum length, other scripts, control characters.
TEXTS = [
    "",
    "   ",
    "fox",
    "the quick brown fox",
    "tabs\tand\nnew lines\r\n",
    "🙂🚀 emoji",
    "ภาษาไทย",
    "Ärger über Übel",
    "jump " * 900,
    *(f"{sentence} {n}" for n in range(12) for sentence in models.CORPUS[: 1 + n % 4]),
]

# sentence-transformers pads each batch to its longest text: of TEXTS it would be nearly all.
FEW = {"batch_size": 4}


def ours(folder: Path | str, **options: Any) -> Encoder:
    return Encoder.load(folder, backend="torch", precision="float32", **options)


def theirs(folder: Path | str) -> SentenceTransformer:
    return SentenceTransformer(str(folder), device="cpu", model_kwargs={"dtype": "float32"})


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def check(found: np.ndarray, expected: np.ndarray) -> None:
    """Within 1e-6 of the largest component, both of unit length."""
    expected = unit(expected)
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= CLOSE * max(1.0, np.abs(expected).max())
