"""Two ranked lists become one, by the very formulas of OpenSearch's neural-search 3.6.0.

So a search ranks the same whether the cluster fuses or we do. Where the server departs from the
textbook we follow it, and say so beside the formula. Its sources are in
src/main/java/org/opensearch/neuralsearch/processor/{normalization,combination}.

All of a leg's hits are normalised together, over all shards: `depth` hits of each shard.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from mappings import Fusion
from mappings.pipeline import RRF

Scores = NDArray[np.float32]

# MinMaxScoreNormalizationTechnique.java and ZScoreNormalizationTechnique.java: MIN_SCORE.
FLOOR = np.float32(0.001)


def min_max(scores: Scores) -> Scores:
    """Give (score - min) / (max - min); scores: float32 [n], returns the same shape.

    Departures: the lowest hit gets 0.001 and not 0, for 0 means a missing hit; where all scores are
    equal, as with a single hit, each gets 1.0, however weak it is.
    """
    if not scores.size:
        return scores
    low, high = scores.min(), scores.max()
    if low == high:
        return np.ones_like(scores)
    normalised = (scores - low) / (high - low)
    return np.where(normalised == 0, FLOOR, normalised)


def l2(scores: Scores) -> Scores:
    """Divide by sqrt(sum of squares); scores: float32 [n], returns the same shape.

    Departure: where all are 0, each stays 0 and is not divided by 0.
    """
    norm = np.float32(math.sqrt(float(np.square(scores.astype(np.float64)).sum())))
    return scores / norm if norm else np.zeros_like(scores)


def z_score(scores: Scores) -> Scores:
    """Give (score - mean) / standard deviation; scores: float32 [n], returns the same shape.

    Departures: the deviation is the sample's (n - 1); everything at or below the mean gets 0.001;
    a score equal to the mean keeps the list's highest raw score, whatever its scale, so a single
    BM25 hit of score 9 gets 9; a deviation of 0 gives the lowest raw score.
    """
    if not scores.size:
        return scores
    exact = scores.astype(np.float64)
    mean = np.float32(exact.mean())
    deviation = np.float32(exact.std(ddof=1)) if scores.size > 1 else np.float32(0)
    if deviation == 0:
        equal: Scores = np.where(scores == mean, scores.max(), scores.min())
        return equal
    standard = (scores - mean) / deviation
    found: Scores = np.where(standard <= 0, FLOOR, standard)
    found[scores == mean] = scores.max()
    return found


NORMALISATIONS: dict[str, Callable[[Scores], Scores]] = {
    "min_max": min_max,
    "l2": l2,
    "z_score": z_score,
}


def reciprocal_rank(ranks: Sequence[int], constant: int) -> Scores:
    """1 / (constant + rank), ranks from 1 (https://doi.org/10.1145/1571941.1572114); float32 [n].

    The rank is over all shards, as the server counts since 3.5 (neural-search#1718).
    """
    return np.array([1.0 / (constant + rank) for rank in ranks], dtype=np.float32)


def arithmetic_mean(values: Sequence[float], weights: Sequence[float]) -> float:
    """sum(w v) / sum(w); a missing leg is 0 and its weight counts, so it pulls the mean down."""
    total = sum(weights)
    return sum(w * v for w, v in zip(weights, values, strict=True)) / total if total else 0.0


def geometric_mean(values: Sequence[float], weights: Sequence[float]) -> float:
    """exp(sum(w ln v) / sum(w)), over the legs where v > 0 alone.

    Departure: a missing leg is left out with its weight, so a hit of one leg is not punished.
    """
    present = [(w, v) for w, v in zip(weights, values, strict=True) if v > 0]
    total = sum(w for w, _ in present)
    return math.exp(sum(w * math.log(v) for w, v in present) / total) if total else 0.0


def harmonic_mean(values: Sequence[float], weights: Sequence[float]) -> float:
    """sum(w) / sum(w / v), over the legs where v > 0 alone.

    Departure: a missing leg is left out with its weight, so a hit of one leg is not punished.
    """
    present = [(w, v) for w, v in zip(weights, values, strict=True) if v > 0]
    total = sum(w / v for w, v in present)
    return sum(w for w, _ in present) / total if total > 0 else 0.0


def weighted_sum(values: Sequence[float], weights: Sequence[float]) -> float:
    """sum(w v), for reciprocal ranks; a missing leg adds nothing."""
    return sum(w * v for w, v in zip(weights, values, strict=True))


_MEANS = {
    "arithmetic_mean": arithmetic_mean,
    "geometric_mean": geometric_mean,
    "harmonic_mean": harmonic_mean,
}


def normalise(fusion: Fusion, scores: Sequence[float]) -> list[float]:
    """What a leg's scores, best first and over all shards, count in the fusion."""
    if fusion.technique == RRF:
        found = reciprocal_rank(range(1, len(scores) + 1), fusion.rank_constant)
    else:
        found = NORMALISATIONS[fusion.technique](np.asarray(scores, dtype=np.float32))
    return [float(each) for each in found]


def combine(fusion: Fusion, values: Sequence[float]) -> float:
    """One score from a hit's normalised values, one a leg, 0 where the leg misses it."""
    weights = fusion.effective_weights
    if fusion.technique == RRF:
        return weighted_sum(values, weights)
    return _MEANS[fusion.combination](values, weights)


def formula(fusion: Fusion, values: Sequence[float]) -> str:
    """The combination with a hit's numbers put in, as text for people."""
    weights = fusion.effective_weights
    pairs = list(zip(weights, values, strict=True))
    if fusion.technique == RRF:
        return " + ".join(f"{w:g} x {v:.6f}" for w, v in pairs)
    present = [(w, v) for w, v in pairs if v > 0]
    if fusion.combination == "arithmetic_mean":
        terms = " + ".join(f"{w:g} x {v:.4f}" for w, v in pairs)
        return f"({terms}) / {sum(weights):g}"
    if fusion.combination == "geometric_mean":
        terms = " + ".join(f"{w:g} x ln {v:.4f}" for w, v in present)
        return f"exp(({terms}) / {sum(w for w, _ in present):g})"
    terms = " + ".join(f"{w:g} / {v:.4f}" for w, v in present)
    return f"{sum(w for w, _ in present):g} / ({terms})"
