"""The legs of a hybrid search as lists of hits, and their fusion on our side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mappings import Fusion
from mappings.pipeline import RRF
from query.fusion import NORMALISATIONS, Scores, basis, combine, reciprocal_ranks

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
