"""What a cluster takes as a vector, and how alike two of them are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
# As a field may hold it: of bytes, int8.
Numbers = Vector | NDArray[np.int8]
# The largest number that a field of bytes holds, and, in standard deviations of a component of a
# unit vector, 1 / sqrt(n), how far from 0 that is.
BYTE, SPREAD = 127, 8.0
# Sums of squares that float32 holds with all of its digits; beyond, cosines are 0 or no number.
LEAST_SQUARES, MOST_SQUARES = 1e-30, 1e30


@dataclass(frozen=True)
class VectorFault:
    """Why no cluster takes a vector; told: the same as words that follow `the vector`."""

    kind: Literal["numbers", "shape", "finite", "zero", "length"]
    told: str


def as_vector(given: object, dim: int) -> Vector | VectorFault:
    """What is given as float32 [dim], or why it cannot be compared by its cosine.

    given: an array or a list of numbers, of whatever kind.
    """
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # told below
            vector = np.asarray(given, dtype=np.float32)
            squares = float(vector @ vector) if vector.shape == (dim,) else 0.0
    except (TypeError, ValueError, OverflowError) as error:
        return VectorFault("numbers", f"holds what is no number ({error})")
    if vector.shape != (dim,):
        return VectorFault("shape", f"has shape {vector.shape} and must have ({dim},)")
    if LEAST_SQUARES <= squares <= MOST_SQUARES:  # nearly all
        return vector
    if not np.isfinite(vector).all():
        return VectorFault("finite", "has NaN or infinite components")
    if not vector.any():
        return VectorFault("zero", "is zero, which has no cosine")
    length = math.sqrt(np.square(vector, dtype=np.float64).sum())
    return VectorFault(
        "length",
        f"has the length {length:.3g}, which the cluster cannot square in 32 bits: scale it to one "
        f"from {math.sqrt(LEAST_SQUARES):.0e} to {math.sqrt(MOST_SQUARES):.0e}, such as 1",
    )


def cosine(one: Vector, other: Vector) -> float:
    """The cosine of two vectors, float32 [n] each; 0 where they differ in n, or one is zero."""
    if one.shape != other.shape:
        return 0.0
    lengths = float(np.linalg.norm(one)) * float(np.linalg.norm(other))
    return float(one @ other) / lengths if lengths > 0 else 0.0


def as_bytes(vector: Vector) -> NDArray[np.int8]:
    """A vector that is not zero as int8 [n]; one of a field of bytes comes out as it is.

    All come out of one length, but for rounding, so that inner products and distances rank them as
    their cosines do. A component of more than SPREAD / sqrt(n) of its vector's length is cut.
    """
    length = float(np.linalg.norm(vector))
    whole = np.rint(vector)
    if length > 2.0 and np.abs(vector).max() <= BYTE + 1 and np.array_equal(whole, vector):
        return whole.astype(np.int8)
    scale = BYTE * max(1.0, math.sqrt(vector.size) / SPREAD) / length
    cut: NDArray[np.int8] = np.rint(np.clip(vector * scale, -BYTE, BYTE)).astype(np.int8)
    return cut


def stored_as(element: str, vector: Vector) -> Numbers:
    """A vector in the numbers that a field takes; element: float or byte, as its mapping says."""
    return as_bytes(vector) if element == "byte" else vector
