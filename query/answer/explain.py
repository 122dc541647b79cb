"""Where a hit's score comes from, from the very numbers that it was computed of."""

from __future__ import annotations

from collections.abc import Sequence

from query.answer.fusion import Leg, Raw, combine, formula, key_of, values_of
from query.answer.results import Explanation, Hit, LegScore
from query.body.bm25 import highlights
from query.body.search_plan import SearchPlan
from query.question import HYBRID, KNN


def explain_hit(plan: SearchPlan, found: Hit, hit: Raw, legs: Sequence[Leg]) -> Explanation:
    """The explanation of one hit; legs: empty where the search has one leg only."""
    if plan.question.mode != HYBRID:
        score = float(hit["_score"])
        leg = LegScore(plan.question.mode, found.rank, score, cosine=found.cosine)
        return Explanation((leg,), found.score, _one_leg(found), highlights(hit))
    fusion = plan.fusion or plan.question.tuning.effective_fusion
    values = values_of([key_of(hit)], legs)
    shown = values[0].tolist()
    scores = tuple(
        _leg_score(plan, leg, hit, value, weight)
        for leg, value, weight in zip(legs, shown, fusion.effective_weights, strict=True)
    )
    computed = float(str(combine(fusion, values)[0]))
    return Explanation(scores, computed, formula(fusion, shown), highlights(hit))


def _one_leg(found: Hit) -> str:
    if found.cosine is None:
        return f"{found.score:.4f}"
    return f"cosine {found.cosine:.4f}, which the engine shows as {found.raw_score:.4f}"


def _leg_score(plan: SearchPlan, leg: Leg, hit: Raw, value: float, weight: float) -> LegScore:
    place = leg.places.get(key_of(hit))
    if place is None:
        return LegScore(leg.name, None, None, 0.0, weight)
    score = float(leg.hits[place]["_score"])
    cosine = plan.scale.to_cosine(score) if leg.name == KNN and plan.scale else None
    return LegScore(leg.name, place + 1, score, value, weight, cosine)
