"""The legs of a hybrid search as lists of hits, and their fusion on our side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mappings import Fusion
from query.fusion import combine, normalise

Raw = Mapping[str, Any]
Key = tuple[str, str]


def key_of(hit: Raw) -> Key:
    """What tells a passage from all others: its index and `_id`."""
    return hit["_index"], hit["_id"]


@dataclass(frozen=True)
class Leg:
    """One leg's hits over all shards, best first; the place in the list is the rank less 1.

    hits: as the cluster gave them; normalised: what each counts in the fusion; places: key -> place
    in the lists.
    """

    name: str
    hits: Sequence[Raw]
    normalised: Sequence[float]
    places: Mapping[Key, int]


def make_leg(name: str, shards: Iterable[Sequence[Raw]], fusion: Fusion) -> Leg:
    """Merge the hits of each shard, best first; of equal scores, the shard of lower number first.

    Hits of score 0 are dropped, as the server's collector does (HybridTopScoreDocCollector.java).
    """
    hits = sorted(
        (hit for shard in shards for hit in shard if hit["_score"] > 0),
        key=lambda hit: -hit["_score"],
    )
    scores = [hit["_score"] for hit in hits]
    places = {key_of(hit): place for place, hit in enumerate(hits)}
    return Leg(name, hits, normalise(fusion, scores), places)


@dataclass(frozen=True)
class Fused:
    """A passage of the fused list: its key, its score as float32, and the hit of either leg."""

    key: Key
    score: float
    hit: Raw


def fuse(legs: Sequence[Leg], fusion: Fusion) -> list[Fused]:
    """All hits of the legs, best first; of equal scores, the lower key first."""
    seen: dict[Key, Raw] = {}
    for leg in legs:
        for hit in leg.hits:
            seen.setdefault(key_of(hit), hit)
    fused = [Fused(key, fused_score(key, legs, fusion), hit) for key, hit in seen.items()]
    return sorted(fused, key=lambda each: (-each.score, each.key))


def values_of(key: Key, legs: Sequence[Leg]) -> list[float]:
    """A hit's normalised value in each leg, 0 where the leg misses it."""
    return [
        leg.normalised[place] if (place := leg.places.get(key)) is not None else 0.0 for leg in legs
    ]


def fused_score(key: Key, legs: Sequence[Leg], fusion: Fusion) -> float:
    """A hit's fused score, rounded to float32 as the server's are."""
    return float(np.float32(combine(fusion, values_of(key, legs))))
