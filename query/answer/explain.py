"""Where scores come from, from the very numbers that they were computed of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mappings import Fusion
from query.answer.fusion import Leg, Raw, combine, formula, key_of, values_of
from query.answer.results import Explanation, Hit, LegScore
from query.body.hybrid import LEGS, MOST_SHARDS_APART
from query.body.search_plan import SearchPlan
from query.body.words.bm25 import highlights
from query.question import HYBRID, KNN

# How far the cluster's fused score may be from ours: it computes in float32.
AGREEMENT = 1e-4


def explain_hit(plan: SearchPlan, found: Hit, hit: Raw, legs: Sequence[Leg]) -> Explanation:
    """The explanation of one hit; legs: empty where the search has one leg only."""
    if plan.question.mode != HYBRID:
        score = float(hit["_score"])
        leg = LegScore(plan.question.mode, found.rank, score, cosine=found.cosine)
        told = _boosted(_one_leg(found), found)
        return Explanation((leg,), found.score, told, highlights(hit))
    fusion = plan.fusion or plan.question.tuning.effective_fusion
    values = values_of([key_of(hit)], legs)
    shown = values[0].tolist()
    scores = tuple(
        _leg_score(plan, leg, hit, value, weight)
        for leg, value, weight in zip(legs, shown, fusion.effective_weights, strict=True)
    )
    computed = float(str(combine(fusion, values)[0])) * (found.boost or 1.0)
    told = _boosted(formula(fusion, shown), found)
    return Explanation(scores, computed, told, highlights(hit))


def _boosted(told: str, found: Hit) -> str:
    return told if found.boost is None else f"({told}) x {found.boost:.4f}, raised by its fields"


def _one_leg(found: Hit) -> str:
    if found.cosine is None:
        return f"{found.raw_score:.4f}"
    return f"cosine {found.cosine:.4f}, which the engine shows as {found.raw_score:.4f}"


def _leg_score(plan: SearchPlan, leg: Leg, hit: Raw, value: float, weight: float) -> LegScore:
    place = leg.places.get(key_of(hit))
    if place is None:
        return LegScore(leg.name, None, None, 0.0, weight)
    score = float(leg.hits[place]["_score"])
    cosine = plan.scale.to_cosine(score) if leg.name == KNN and plan.scale else None
    return LegScore(leg.name, place + 1, score, value, weight, cosine)


def fusion_told(plan: SearchPlan, legs: Sequence[Leg]) -> dict[str, Any] | None:
    """How and where a hybrid search was fused, for people and for JSON."""
    if plan.place is None:
        return None
    told: dict[str, Any] = {
        "place": "server" if plan.place.on_server else "client",
        "reason": plan.place.reason,
        "depth": plan.depth,
    }
    if pipeline := plan.question.tuning.pipeline:
        told["pipeline"] = pipeline
    if plan.fusion is None:
        return told
    told |= describe(plan.fusion)
    if plan.question.explain and any(leg.basis for leg in legs):
        told["normalised_by"] = {leg.name: dict(leg.basis) for leg in legs}
    return told


def describe(fusion: Fusion) -> dict[str, Any]:
    """A fusion's settings by name; rrf has a rank constant, the others a combination."""
    told: dict[str, Any] = {"technique": fusion.technique}
    if fusion.technique == "rrf":
        told["rank_constant"] = fusion.rank_constant
    else:
        told["combination"] = fusion.combination
    return {**told, "weights": dict(zip(LEGS, fusion.effective_weights, strict=True))}


def doubts(plan: SearchPlan, hits: Sequence[Hit]) -> tuple[str, ...]:
    """Where the cluster's score is not what follows from the legs."""
    off = [
        hit.rank
        for hit in hits
        if hit.explanation and abs(hit.explanation.computed - hit.score) > AGREEMENT
    ]
    if not off:
        return ()
    ranks = ", ".join(map(str, off))
    why = "as it does where a shard's segments are searched concurrently"
    if (shards := plan.target.all_shards) > MOST_SHARDS_APART:
        why = f"of each of the {shards} shards, and more than {MOST_SHARDS_APART} are not explained"
    return (
        f"the cluster's score of rank {ranks} differs from what its legs give: it normalised other "
        f"candidates, {why}.",
    )
