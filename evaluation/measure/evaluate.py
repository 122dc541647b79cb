"""Judged queries, run in each mode and measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from evaluation.errors import EvaluationError
from evaluation.measure.judgements import Judgements
from evaluation.measure.measures import NDCG, import_measures, measure
from evaluation.measure.runs import Run, strictly
from evaluation.measure.significance import Comparison, compare, interval
from query import Answer, Query, Tuning
from query.files import name_of
from query.question import DEPTH, HYBRID, MODES, MOST, Mode
from tandem.base.arguments import checked_arguments

# Called with how many queries have been answered since the last call.
OnAnswered = Callable[[int], None]


class Answering(Protocol):
    """The part of query.Searcher that an evaluation uses."""

    def search_many(
        self,
        queries: Sequence[Query],
        *,
        mode: Mode,
        k: int,
        batch: int | None,
        collapse: bool,
        source: bool,
        tuning: Tuning,
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


@checked_arguments(EvaluationError)
def evaluate(
    searcher: Answering,
    queries: Sequence[Query],
    judgements: Judgements,
    *,
    modes: Sequence[Mode] = MODES,
    k: int = 1_000,
    tuning: Tuning | None = None,
    relevant: int = 1,
    passages: bool = False,
    leave_out_own: bool = False,
    batch: int | None = None,
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
    asking = _Asking(searcher, asked, k, tuning or Tuning(), passages, leave_out_own, batch)
    runs = {mode: asking.run(mode, on_answered) for mode in modes}
    figures = [figures_of(mode, run, judged, relevant) for mode, run in runs.items()]
    if HYBRID in modes:
        notes.append(f"hybrid fused {asking.depth:,} candidates of each leg.")
    texts = {query.id: query.text for query in asked}
    return judge(figures, judged, relevant, baseline, texts, asking.failures, notes)


@dataclass(frozen=True)
class _Asking:
    """How queries are searched for in one mode; of an answer, ids and scores alone are kept."""

    searcher: Answering
    queries: Sequence[Query]
    k: int
    tuning: Tuning
    passages: bool
    leave_out_own: bool
    batch: int | None
    failures: list[Failure] = field(default_factory=list)

    @property
    def depth(self) -> int:
        """Candidates that hybrid fuses, whatever k is."""
        return self.tuning.depth or DEPTH

    def run(self, mode: Mode, on_answered: OnAnswered) -> Run:
        """Search in one mode; a failure is noted, and its query has the hits it has."""
        tuning = replace(self.tuning, depth=self.depth) if mode == HYBRID else self.tuning
        answers = self.searcher.search_many(
            self.queries,
            mode=mode,
            k=min(MOST, self.k + self.leave_out_own),
            batch=self.batch,
            collapse=not self.passages,
            source=False,
            tuning=tuning,
        )
        run: Run = {}
        for answer in answers:
            run[answer.query.id] = self._ranked(answer)[: self.k]
            if answer.fault:
                self.failures.append(Failure(mode, answer.query.id, answer.fault))
            on_answered(1)
        return run

    def _ranked(self, answer: Answer) -> list[tuple[str, float]]:
        """Each document once, at its best place, with scores that fall strictly."""
        found: dict[str, float] = {}
        for hit in answer.result or ():
            name = name_of(hit, answer.result)
            if not (self.leave_out_own and name == answer.query.id):
                found.setdefault(name, hit.score)
        return strictly(list(found.items()))


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
