"""From the cluster's responses to the result of a question; pure, no network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Generic, TypeVar

from cluster.client.shards import shard_reason, silent_shards
from cluster.error_body import reason_of
from mappings.existing import values_at
from query.answer.counts import counted
from query.answer.explain import AGREEMENT, doubts, explain_hit, fusion_told
from query.answer.fusion import Leg, Raw, fuse, make_leg
from query.answer.results import Hit, Result
from query.body.order import raised
from query.body.request import failure, hits_of
from query.body.search_plan import INNER, SearchPlan
from query.question import HYBRID, KNN
from query.target import Patterns

T = TypeVar("T")


@dataclass(frozen=True)
class Group(Generic[T]):
    """The best passage of a document; others: further passages found, None where not counted."""

    best: T
    others: int | None


def collapsed(found: Iterable[T], document_of: Callable[[T], str]) -> list[Group[T]]:
    """The first passage of each document, in the order of the passages; no passages give none."""
    best: dict[str, T] = {}
    count: dict[str, int] = {}
    for each in found:
        document = document_of(each)
        best.setdefault(document, each)
        count[document] = count.get(document, 0) + 1
    return [Group(each, count[document] - 1) for document, each in best.items()]


# No engine's score of a cosine is above 1 (query/body/knn.py), but for its rounding.
TOO_HIGH = 1 + AGREEMENT

Responses = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Scored:
    """One hit before its rank is known: its score to order by, and what the cluster gave.

    unboosted: the score before fields raised it.
    """

    score: float
    hit: Raw
    unboosted: float


@dataclass(frozen=True)
class PlanResult:
    """The result of a plan, and whether deeper candidates could bring more of it.

    indexes: where the hits came from.
    """

    result: Result
    short: bool
    indexes: frozenset[str]


def read(plan: SearchPlan, responses: Responses) -> PlanResult:
    """Make the result of a plan's responses, one an item of the plan, in their order.

    Raises opensearch-py's TransportError for a failed search, AnswerError for a useless answer.
    """
    plan = _without_false_cosines(plan, responses)
    question = plan.question
    legs = _legs(plan, responses)
    found = _boosted(plan, _found(plan, responses, legs))
    groups = _groups(plan, found)
    page = groups[question.start : question.end] if plan.pages else groups
    hits = [
        _hit(plan, group, rank, legs) for rank, group in enumerate(page, start=question.start + 1)
    ]
    used = [responses[0]] if plan.main is not None else responses[: plan.counting]
    counts = (None, ()) if plan.counting is None else counted(plan, responses[plan.counting])
    result = Result(
        mode=question.mode,
        hits=tuple(hits),
        took_ms=max(int(each.get("took", 0)) for each in responses),
        fusion=fusion_told(plan, legs),
        partial=_partial(plan, responses),
        notes=(*plan.notes, *_notes(plan, groups), *doubts(plan, hits)),
        collapsed=question.collapse,
        total=counts[0],
        facets=counts[1],
    )
    short = len(page) < question.k and _might_have_more(plan, used)
    return PlanResult(result, short, frozenset(each.hit["_index"] for each in found))


def _without_false_cosines(plan: SearchPlan, responses: Responses) -> SearchPlan:
    """A plan that shows no cosine where the scores of neighbours cannot be of one alone."""
    shown = plan.question.mode == KNN or plan.question.explain
    answers = [responses[position] for position in plan.legs.get(KNN, ())]
    hits = [hit for each in answers if "error" not in each for hit in hits_of(each)]
    if not shown or plan.scale is None or not any(hit["_score"] > TOO_HIGH for hit in hits):
        return plan
    note = (
        "no cosine is shown: the cluster's scores are above 1, the highest of a cosine, as where "
        "document-level security adds 1 to each; their order is right."
    )
    return replace(plan, scale=None, notes=(*plan.notes, note))


def _might_have_more(plan: SearchPlan, responses: Responses) -> bool:
    """Whether a search of neighbours was cut at its candidates, so that more passages may match."""
    if plan.question.mode != KNN or not plan.question.collapse:
        return False
    return any(len(hits_of(each)) >= plan.depth for each in responses)


def _legs(plan: SearchPlan, responses: Responses) -> list[Leg]:
    legs = []
    for name, positions in plan.legs.items():
        if plan.fusion and plan.question.fuses:
            shards = _shard_hits([responses[position] for position in positions])
            legs.append(make_leg(name, shards, plan.fusion))
    return legs


def _shard_hits(responses: Responses) -> list[list[Raw]]:
    """The hits of each shard that answered; raises where none did."""
    good = [each for each in responses if "error" not in each]
    if not good:
        raise failure(responses[0])
    return [list(hits_of(each)) for each in good]


def _partial(plan: SearchPlan, responses: Responses) -> str | None:
    """Why hits may be missing from the responses together, or None where they are complete."""
    reasons = []
    if any(each.get("timed_out") for each in responses):
        reasons.append("the cluster's search timeout ended it before all passages were seen")
    if plan.target.loading and not any(hits_of(each) for each in responses if "error" not in each):
        reasons.append(f"nothing of {plan.target.name!r} that matches can be found yet")
    parts = [responses[:1]] if plan.main is not None else []
    parts += [[responses[position] for position in places] for places in plan.legs.values()]
    parts += [] if plan.counting is None else [[responses[plan.counting]]]
    told = (_silent(part) for part in parts)
    return "; ".join([*reasons, *islice(filter(None, told), 1)]) or None


def _silent(part: Responses) -> str | None:
    """How many shards are missing from responses that each have some of them, and why."""
    counts = [(1, 1) if "error" in each else silent_shards(each) for each in part]
    silent, total = (sum(column) for column in zip(*counts, strict=True))
    if not silent:
        return None
    first = next(each for each, (count, _) in zip(part, counts, strict=True) if count)
    why = f"failed ({reason_of(first['error'])})" if "error" in first else shard_reason(first)
    return f"{silent} of {total} shards {why}"


def _found(plan: SearchPlan, responses: Responses, legs: Sequence[Leg]) -> list[Scored]:
    """The hits of the page, or all candidates where we page; best first, or as they are sorted.

    Of equal scores, the lower id comes first on a page.
    """
    question = plan.question
    if plan.main is not None:
        shown = ((_shown(plan, hit), hit) for hit in hits_of(responses[plan.main]))
        found = [Scored(score, hit, score) for score, hit in shown]
        return found if question.sort else sorted(found, key=_best_first)
    fusion = plan.fusion or question.tuning.effective_fusion
    fused = [Scored(each.score, each.hit, each.score) for each in fuse(legs, fusion)]
    return fused if plan.pages else fused[question.start : question.end]


def _best_first(each: Scored) -> tuple[float, str]:
    return -each.score, each.hit["_id"]


def _boosted(plan: SearchPlan, found: list[Scored]) -> list[Scored]:
    """The candidates in the order of their raised scores, where fields raise them."""
    if not plan.boosts:
        return found
    hits = [each.hit for each in found]
    scores = raised([each.unboosted for each in found], hits, plan.boosts)
    both = zip(found, scores, strict=True)
    return sorted((replace(each, score=score) for each, score in both), key=_best_first)


def _shown(plan: SearchPlan, hit: Raw) -> float:
    """The score that people see: the cosine of neighbours where it is known, else the engine's."""
    score = float(hit["_score"])
    if plan.question.mode == KNN and plan.scale:
        return plan.scale.to_cosine(score)
    return score


def _groups(plan: SearchPlan, found: list[Scored]) -> list[Group[Scored]]:
    """The hits as documents where they are collapsed, which the cluster does for BM25."""
    if not plan.question.collapse:
        return [Group(each, None) for each in found]
    if not plan.collapses:
        return [Group(each, _counted_others(each.hit)) for each in found]
    field = plan.target.fields.document_id
    return collapsed(
        found, lambda each: _first_at(each.hit.get("_source", {}), field) or each.hit["_id"]
    )


def _counted_others(hit: Raw) -> int | None:
    """Further passages of the document of a hit of BM25, None where they were not asked for."""
    if "inner_hits" not in hit:
        return None
    return int(hit["inner_hits"][INNER]["hits"]["total"]["value"]) - 1


def _hit(plan: SearchPlan, group: Group[Scored], rank: int, legs: Sequence[Leg]) -> Hit:
    hit, score, mode = group.best.hit, group.best.score, plan.question.mode
    source, wanted, before = hit.get("_source", {}), plan.question.source, group.best.unboosted
    found = Hit(
        rank=rank,
        id=hit["_id"],
        score=score,
        text=_text(source, plan),
        source=source if isinstance(wanted, bool) else Patterns.of(wanted).keep(source),
        title=_first_at(source, plan.target.fields.title),
        raw_score=None if mode == HYBRID else float(hit["_score"]),
        cosine=before if mode == KNN and plan.scale else None,
        boost=score / before if plan.boosts and before else None,
        document_id=_first_at(source, plan.target.fields.document_id),
        others=group.others,
        index=hit["_index"] if len(plan.target.indexes) > 1 else None,
    )
    if not plan.question.explain:
        return found
    return replace(found, explanation=explain_hit(plan, found, hit, legs))


def _text(source: Mapping[str, Any], plan: SearchPlan) -> str:
    for name in plan.target.shown_text:
        texts = list(values_at(source, name.split(".")))
        if texts and all(isinstance(each, str) for each in texts):
            return " ".join(texts)
    return ""


def _first_at(source: Mapping[str, Any], name: str) -> str | None:
    """The text at a dotted path, the first one of a list, None where there is none."""
    return next((str(each) for each in values_at(source, name.split("."))), None)


def _notes(plan: SearchPlan, groups: Sequence[Group[Scored]]) -> tuple[str, ...]:
    question = plan.question
    if not question.fuses or not question.collapse or len(groups) >= question.end:
        return ()
    return (
        f"{len(groups)} documents are among the {plan.depth} candidates of each leg: a greater "
        "`depth` may find more.",
    )
