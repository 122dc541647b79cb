"""Two ranked lists become one, by the very formulas of OpenSearch's neural-search 3.6.0.

So a search ranks the same whether the cluster fuses or we do. Where the server departs from the
textbook we follow it, and say so beside the formula. Its sources are in
src/main/java/org/opensearch/neuralsearch/processor/{normalization,combination}.

All of a leg's hits are normalised together, over all shards: `depth` hits of each shard.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mappings import Fusion
from mappings.pipelines.pipeline import RRF

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
    if not scores.any():
        return np.zeros_like(scores)
    return scores / _norm(scores)


def _norm(scores: Scores) -> np.float32:
    # One after another and in float32, as the server adds them up.
    squares = np.cumsum(scores * scores, dtype=np.float32)[-1]
    return np.float32(math.sqrt(float(squares)))


def z_score(scores: Scores) -> Scores:
    """Give (score - mean) / standard deviation; scores: float32 [n], returns the same shape.

    Departures: the deviation is the sample's (n - 1); everything at or below the mean gets 0.001;
    a score equal to the mean keeps the list's highest raw score, whatever its scale, so a single
    BM25 hit of score 9 gets 9; a deviation of 0 gives the lowest raw score.
    """
    if not scores.size:
        return scores
    mean, deviation = _mean_and_deviation(scores)
    if deviation == 0:
        equal: Scores = np.where(scores == mean, scores.max(), scores.min())
        return equal
    standard = (scores - mean) / deviation
    found: Scores = np.where(standard <= 0, FLOOR, standard)
    found[scores == mean] = scores.max()
    return found


def _mean_and_deviation(scores: Scores) -> tuple[np.float32, np.float32]:
    exact = scores.astype(np.float64)
    deviation = np.float32(exact.std(ddof=1)) if scores.size > 1 else np.float32(0)
    return np.float32(exact.mean()), deviation


def basis(technique: str, scores: Scores) -> dict[str, float]:
    """The numbers of a list that its scores are normalised by; scores: float32 [n], 0 give none."""
    if not scores.size or technique == RRF:
        return {}
    if technique == "min_max":
        return {"minimum": float(scores.min()), "maximum": float(scores.max())}
    if technique == "l2":
        return {"norm": float(_norm(scores))}
    mean, deviation = _mean_and_deviation(scores)
    return {"mean": float(mean), "deviation": float(deviation), "maximum": float(scores.max())}


NORMALISATIONS: dict[str, Callable[[Scores], Scores]] = {
    "min_max": min_max,
    "l2": l2,
    "z_score": z_score,
}


def reciprocal_ranks(count: int, constant: int) -> Scores:
    """1 / (constant + rank) for the ranks from 1 to count; float32 [count].

    https://doi.org/10.1145/1571941.1572114. Departures: rounded to 10 digits; of hits with equal
    scores each has a rank of its own. The rank is over all shards, as the server counts since 3.5
    (neural-search#1718).
    """
    ranks = np.arange(1, count + 1)
    return np.round(1.0 / (constant + ranks), 10).astype(np.float32)


def arithmetic_mean(values: Scores, weights: Sequence[np.float32]) -> Scores:
    """sum(w v) / sum(w); a missing leg is 0 and its weight counts, so it pulls the mean down."""
    return weighted_sum(values, weights) / np.float32(sum(weights))


def geometric_mean(values: Scores, weights: Sequence[np.float32]) -> Scores:
    """exp(sum(w ln v) / sum(w)), over the legs where v > 0 alone.

    Departure: a missing leg is left out with its weight, so a hit of one leg is not punished.
    """
    logarithms, total = _zeros(values), _zeros(values)
    for leg, weight in enumerate(weights):
        present = values[:, leg] > 0
        exact = np.log(values[present, leg].astype(np.float64)) * float(weight)
        logarithms[present] = (logarithms[present] + exact).astype(np.float32)
        total[present] += weight
    means = np.exp(_ratio(logarithms, total).astype(np.float64)).astype(np.float32)
    return np.where(total > 0, means, np.float32(0))


def harmonic_mean(values: Scores, weights: Sequence[np.float32]) -> Scores:
    """sum(w) / sum(w / v), over the legs where v > 0 alone.

    Departure: a missing leg is left out with its weight, so a hit of one leg is not punished.
    """
    inverse, total = _zeros(values), _zeros(values)
    for leg, weight in enumerate(weights):
        present = values[:, leg] > 0
        inverse[present] += weight / values[present, leg]
        total[present] += weight
    return _ratio(total, inverse)


def weighted_sum(values: Scores, weights: Sequence[np.float32]) -> Scores:
    """sum(w v), for reciprocal ranks; a missing leg adds nothing."""
    found = _zeros(values)
    for leg, weight in enumerate(weights):
        found += values[:, leg] * weight
    return found


def _zeros(values: Scores) -> Scores:
    return np.zeros(len(values), dtype=np.float32)


def _ratio(above: Scores, below: Scores) -> Scores:
    """Divide, 0 where there is nothing to divide by."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


_MEANS = {
    "arithmetic_mean": arithmetic_mean,
    "geometric_mean": geometric_mean,
    "harmonic_mean": harmonic_mean,
}


def combine(fusion: Fusion, values: Scores) -> Scores:
    """One score a hit; values: float32 [n, legs], normalised, 0 where a leg misses the hit.

    In float32 and in the server's order of operations, so that near ties fall the same way.
    """
    weights = [np.float32(weight) for weight in fusion.effective_weights]
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
    total = f"{sum(w for w, _ in present):g}"
    if fusion.combination == "geometric_mean":
        return f"exp(({' + '.join(f'{w:g} x ln({v:.4f})' for w, v in present)}) / {total})"
    return f"{total} / ({' + '.join(f'{w:g} / {v:.4f}' for w, v in present)})"


Raw = Mapping[str, Any]
Key = tuple[str, str]


def key_of(hit: Raw) -> Key:
    """What tells a passage from all others: its index and `_id`."""
    return hit["_index"], hit["_id"]


@dataclass(frozen=True)
class Leg:
    """One leg's hits over all shards, best first; the place in the list is the rank less 1.

    hits: as the cluster gave them; normalised: float32 [hits], what each counts in the fusion;
    places: key -> place in the lists; basis: the numbers that the scores were normalised by.
    """

    name: str
    hits: Sequence[Raw]
    normalised: Scores
    places: Mapping[Key, int]
    basis: Mapping[str, float]


def make_leg(name: str, shards: Iterable[Sequence[Raw]], fusion: Fusion) -> Leg:
    """Merge the hits of each shard, best first; of equal scores, the shard of lower number first.

    Hits of score 0 are dropped, as the server's collector does (HybridTopScoreDocCollector.java).
    """
    found = [hit for shard in shards for hit in shard if hit["_score"] > 0]
    scores = np.array([hit["_score"] for hit in found], dtype=np.float32)
    order = np.argsort(-scores, kind="stable")
    if fusion.technique == RRF:
        normalised = reciprocal_ranks(len(found), fusion.rank_constant)
    else:
        normalised = NORMALISATIONS[fusion.technique](scores)[order]
    hits = [found[place] for place in order.tolist()]
    places = {key_of(hit): place for place, hit in enumerate(hits)}
    return Leg(name, hits, normalised, places, basis(fusion.technique, scores))


@dataclass(frozen=True)
class Fused:
    """A passage of the fused list: its key, its score, and the hit of either leg."""

    key: Key
    score: float
    hit: Raw


def fuse(legs: Sequence[Leg], fusion: Fusion) -> list[Fused]:
    """All hits of the legs, best first; of equal scores, the lower key first."""
    seen: dict[Key, Raw] = {}
    for leg in legs:
        for hit in leg.hits:
            seen.setdefault(key_of(hit), hit)
    # The shortest decimal of a float32, which is what the server writes.
    scores = [float(str(each)) for each in combine(fusion, values_of(list(seen), legs))]
    fused = [Fused(key, score, seen[key]) for key, score in zip(seen, scores, strict=True)]
    return sorted(fused, key=lambda each: (-each.score, each.key))


def values_of(keys: Sequence[Key], legs: Sequence[Leg]) -> Scores:
    """The normalised values of hits, float32 [keys, legs]; 0 where a leg misses a hit."""
    values = np.zeros((len(keys), len(legs)), dtype=np.float32)
    for column, leg in enumerate(legs):
        for row, key in enumerate(keys):
            place = leg.places.get(key)
            if place is not None:
                values[row, column] = leg.normalised[place]
    return values
