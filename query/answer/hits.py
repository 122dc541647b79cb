"""From the cluster's responses to the result of a question; pure, no network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, NamedTuple

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

# No engine's score of a cosine is above 1 (query/body/knn.py), but for its rounding.
TOO_HIGH = 1 + AGREEMENT

Responses = Sequence[Mapping[str, Any]]


class Scored(NamedTuple):
    """One hit before its rank is known: its score to order by, and what the cluster gave.

    unboosted: the score before fields raised it; others: further passages of its document that were
    found, None where they were not counted.
    """

    score: float
    hit: Raw
    unboosted: float
    others: int | None = None


def collapsed(found: Iterable[Scored], field: str) -> list[Scored]:
    """The first passage of each document, in the order of the passages; no passages give none.

    field: the name of that which says of which document a passage is.
    """
    best: dict[str, Scored] = {}
    count: dict[str, int] = {}
    for each in found:
        document = _first_at(each.hit.get("_source") or {}, field) or each.hit["_id"]
        best.setdefault(document, each)
        count[document] = count.get(document, 0) + 1
    return [each._replace(others=count[document] - 1) for document, each in best.items()]


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
    hits = _hits(plan, page, legs)
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
        document_id_field=plan.target.fields.document_id if question.collapse else None,
    )
    short = len(page) < question.k and _might_have_more(plan, used)
    return PlanResult(result, short, frozenset(each.hit["_index"] for each in found))


def _without_false_cosines(plan: SearchPlan, responses: Responses) -> SearchPlan:
    """A plan that shows no cosine where the scores of neighbours cannot be of one alone."""
    if plan.scale is None or not (plan.question.mode == KNN or plan.question.explain):
        return plan
    answers = [responses[position] for position in plan.legs.get(KNN, ())]
    hits = [hit for each in answers if "error" not in each for hit in hits_of(each)]
    if not any(hit["_score"] > TOO_HIGH for hit in hits):
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
    main = [] if plan.main is None else [(plan.main,)]
    counting = [] if plan.counting is None else [(plan.counting,)]
    # Once each: of a search by one leg, the main search is that leg's.
    places = dict.fromkeys([*main, *plan.legs.values(), *counting])
    parts = ([responses[position] for position in each] for each in places)
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
        hits = hits_of(responses[plan.main])
        found = [
            Scored(score, hit, score) for hit, score in zip(hits, _shown(plan, hits), strict=True)
        ]
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
    return sorted((each._replace(score=score) for each, score in both), key=_best_first)


def _shown(plan: SearchPlan, hits: Sequence[Raw]) -> list[float]:
    """The scores that people see: cosines of neighbours where they are known, else the engine's."""
    scores = [float(hit["_score"]) for hit in hits]
    if plan.question.mode == KNN and plan.scale:
        return list(map(plan.scale.to_cosine, scores))
    return scores


def _groups(plan: SearchPlan, found: list[Scored]) -> list[Scored]:
    """The hits as documents where they are collapsed, which the cluster does for BM25."""
    if not plan.question.collapse:
        return found
    if not plan.collapses:
        return [each._replace(others=_counted_others(each.hit)) for each in found]
    return collapsed(found, plan.target.fields.document_id)


def _counted_others(hit: Raw) -> int | None:
    """Further passages of the document of a hit of BM25, None where they were not asked for."""
    if "inner_hits" not in hit:
        return None
    return int(hit["inner_hits"][INNER]["hits"]["total"]["value"]) - 1


def _hits(plan: SearchPlan, page: Sequence[Scored], legs: Sequence[Leg]) -> list[Hit]:
    """The hits of a page; what is the same for all is looked up once, for there may be many."""
    question, target = plan.question, plan.target
    title, document_id = target.fields.title, target.fields.document_id
    engine, cosine = question.mode != HYBRID, question.mode == KNN and plan.scale is not None
    several, carried = len(target.indexes) > 1, _carried(question.source)
    hits = []
    for rank, (score, hit, before, others) in enumerate(page, start=question.start + 1):
        source = hit.get("_source") or {}
        found = Hit(
            rank,
            hit["_id"],
            score,
            _text(source, target.shown_text),
            source if carried is None else carried.keep(source),
            _first_at(source, title),
            float(hit["_score"]) if engine else None,
            before if cosine else None,
            score / before if plan.boosts and before else None,
            _first_at(source, document_id),
            others,
            hit["_index"] if several else None,
        )
        hits.append(found)
    if not question.explain:
        return hits
    both = zip(hits, page, strict=True)
    return [replace(hit, explanation=explain_hit(plan, hit, each.hit, legs)) for hit, each in both]


def _carried(wanted: bool | Sequence[str]) -> Patterns | None:
    """Which fields of a document hits carry, None for all that the cluster gives."""
    return None if isinstance(wanted, bool) else Patterns.of(wanted)


def _text(source: Mapping[str, Any], names: Sequence[str]) -> str:
    for name in names:
        if type(value := source.get(name)) is str and "." not in name:  # as nearly all
            return value
        texts = list(values_at(source, name.split(".")))
        if texts and all(isinstance(each, str) for each in texts):
            return " ".join(texts)
    return ""


def _first_at(source: Mapping[str, Any], name: str) -> str | None:
    """The text at a dotted path, the first one of a list, None where there is none."""
    value = source.get(name)
    if (value is None or type(value) is str) and "." not in name:  # as nearly all
        return value
    found = (each for each in values_at(source, name.split(".")) if each is not None)
    return next(map(str, found), None)


def _notes(plan: SearchPlan, groups: Sequence[Scored]) -> tuple[str, ...]:
    question = plan.question
    if not question.fuses or not question.collapse or len(groups) >= question.end:
        return ()
    return (
        f"{len(groups)} documents are among the {plan.depth} candidates of each leg: a greater "
        "`depth` may find more.",
    )
