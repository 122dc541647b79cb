"""Judged queries, run in each mode and measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from evaluation.errors import EvaluationError
from evaluation.measure.judgements import Judgements
from evaluation.measure.measures import NDCG, import_measures, measure
from evaluation.measure.runs import Run, strictly
from evaluation.measure.significance import Comparison, compare, interval
from query import Answer, Query, Tuning
from query.files import name_of
from query.question import DEPTH, HYBRID, MODES, MOST

# Called with how many queries have been answered since the last call.
OnAnswered = Callable[[int], None]


class Answering(Protocol):
    """The part of query.Searcher that an evaluation uses."""

    def search_many(
        self, queries: Sequence[Query], mode: str, k: int, **options: Any
    ) -> Iterator[Answer]:
        """One answer a query, in order."""


@dataclass(frozen=True)
class Failure:
    """A query that got no answer, or one that may lack hits; it counts with the hits it has."""

    mode: str
    query: str
    reason: str


@dataclass(frozen=True)
class ModeFigures:
    """What one run is worth: each measure's value by query, for all judged queries."""

    name: str
    values: Mapping[str, Mapping[str, float]]
    run: Run

    @property
    def means(self) -> dict[str, float]:
        """The mean of each measure over the judged queries."""
        return {name: float(np.mean(list(found.values()))) for name, found in self.values.items()}

    def interval(self, measure: str = NDCG) -> tuple[float, float]:
        """The 95 % confidence interval of a measure's mean."""
        return interval(list(self.values[measure].values()))


@dataclass(frozen=True)
class Evaluation:
    """Figures of several runs over the same judged queries, and how they compare.

    comparisons: of each run with the first one. texts: of the queries, by id.
    """

    figures: Sequence[ModeFigures]
    comparisons: Sequence[Comparison]
    texts: Mapping[str, str] = field(default_factory=dict)
    failures: Sequence[Failure] = ()
    notes: Sequence[str] = ()

    @property
    def queries(self) -> int:
        """How many judged queries the figures are means over."""
        return len(self.figures[0].values[NDCG])


def evaluate(
    searcher: Answering,
    queries: Sequence[Query],
    judgements: Judgements,
    *,
    modes: Sequence[str] = MODES,
    k: int = 1_000,
    tuning: Tuning | None = None,
    relevant: int = 1,
    passages: bool = False,
    leave_out_own: bool = False,
    batch: int = 32,
    baseline: tuple[str, Run] | None = None,
    on_answered: OnAnswered = lambda count: None,
) -> Evaluation:
    """Search for every judged query in each mode, and measure what is found.

    k: hits of each query; hybrid fuses tuning.depth candidates of each leg, 100 unless told
    otherwise as every search does, so that k does not change its ranking; relevant: least grade of
    a relevant document for RR and R; passages: judge passages by their own ids, not documents by
    their best passage; leave_out_own: drop the hit whose id is the query's own (ArguAna); baseline:
    a name and a run to compare with too.

    A judged query without hits, or whose search failed, counts 0. A query that nobody judged is not
    searched for; a judged one of which `queries` has no text is left out, with a note. Raises
    EvaluationError where no query is judged, and what search_many raises.
    """
    import_measures()
    if not 1 <= k <= MOST:
        raise EvaluationError(f"k is {k:,} and must be from 1 to {MOST:,}.")
    asked, judged, notes = _judged(queries, judgements)
    failures: list[Failure] = []
    figures = []
    tuning = tuning or Tuning()
    fixed = replace(tuning, depth=tuning.depth or DEPTH)
    options: dict[str, Any] = {"batch": batch, "collapse": not passages}
    hits = k + 1 if leave_out_own and k < MOST else k
    for mode in modes:
        run: Run = {}
        options["tuning"] = fixed if mode == HYBRID else tuning
        for answer in searcher.search_many(asked, mode, hits, source=False, **options):
            run[answer.query.id] = _ranked(answer, leave_out_own=leave_out_own)[:k]
            failures += _failure(mode, answer)
            on_answered(1)
        figures.append(figures_of(mode, run, judged, relevant))
    texts = {query.id: query.text for query in asked}
    if HYBRID in modes:
        notes.append(f"hybrid fused {fixed.depth:,} candidates of each leg.")
    return judge(figures, judged, relevant, baseline, texts, failures, notes)


def judge(
    figures: list[ModeFigures],
    judgements: Judgements,
    relevant: int,
    baseline: tuple[str, Run] | None,
    texts: Mapping[str, str],
    failures: Sequence[Failure] = (),
    notes: Sequence[str] = (),
) -> Evaluation:
    """Put figures side by side and compare each with the baseline, else with the first of them."""
    if baseline is not None:
        figures = [figures_of(*baseline, judgements, relevant), *figures]
    first, *others = figures
    comparisons = [
        compare(each.name, each.values[NDCG], first.name, first.values[NDCG], NDCG)
        for each in others
    ]
    return Evaluation(figures, comparisons, texts, failures, notes)


def figures_of(name: str, run: Run, judgements: Judgements, relevant: int = 1) -> ModeFigures:
    """Measure one run over all judged queries."""
    return ModeFigures(name, measure(run, judgements, relevant), run)


def _judged(
    queries: Sequence[Query], judgements: Judgements
) -> tuple[list[Query], Judgements, list[str]]:
    """The judged queries, their judgements, and what is said of those without a text."""
    asked = [query for query in queries if query.id in judgements]
    judged = {query.id: judgements[query.id] for query in asked}
    if not asked:
        ours, theirs = next(iter(queries), None), next(iter(judgements))
        raise EvaluationError(
            f"none of the {len(queries):,} queries is judged: their ids are such as "
            f"{ours.id if ours else None!r}, and those of the judgements such as {theirs!r}."
        )
    missing = len(judgements) - len(judged)
    note = f"{missing:,} judged queries have no text among the queries and are left out."
    return asked, judged, [note] if missing else []


def _failure(mode: str, answer: Answer) -> list[Failure]:
    reason = answer.error or (answer.result and answer.result.partial)
    return [Failure(mode, answer.query.id, str(reason))] if reason else []


def _ranked(answer: Answer, *, leave_out_own: bool) -> list[tuple[str, float]]:
    """Each document once, at its best place, with scores that fall strictly."""
    found: dict[str, float] = {}
    for hit in answer.result or ():
        name = name_of(hit, answer.result)
        if not (leave_out_own and name == answer.query.id):
            found.setdefault(name, hit.score)
    return strictly(list(found.items()))
