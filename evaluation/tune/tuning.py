"""The best setting by judged queries, and what it is worth on queries that did not choose it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import EvaluationError
from evaluation.measure.evaluate import Answering, evaluate
from evaluation.measure.judgements import Judgements
from evaluation.measure.measures import NDCG
from evaluation.measure.significance import Comparison, compare, interval
from evaluation.tune.grid import Grid, Setting
from query import Query, Tuning
from query.question import HYBRID
from tandem.base.arguments import checked_arguments

# Above it a gain may be chance. Folds share the queries that choose, so that p comes out too small:
# of 300 tunings of 42 settings on random judgements, 5 % seemed to gain by p < 0.05, 1.7 % by this.
SIGNIFICANT = 0.02
USUAL, CHOSEN = "usual", "tuned"


@dataclass(frozen=True)
class Point:
    """A setting with the mean nDCG@10 of all queries and its 95 % interval: it draws the curve.

    That it is high may be why it was chosen: what a setting is worth, the comparison says.
    """

    setting: Setting
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Tuned:
    """What came of a tuning.

    setting: the best by all queries; comparison: of what the same choice by the other folds gives
    on each query, with the usual setting; choices: of each fold; points: all that was measured.
    """

    setting: Setting
    comparison: Comparison
    means: Mapping[str, float]
    choices: Sequence[Setting]
    points: Sequence[Point]

    @property
    def gains(self) -> bool:
        """Whether held-out queries gain more than chance would give."""
        return self.comparison.difference > 0 and self.comparison.p < SIGNIFICANT


@checked_arguments(EvaluationError)
def tune(
    searcher: Answering,
    queries: Sequence[Query],
    judgements: Judgements,
    *,
    grid: Grid | None = None,
    folds: int = 5,
    seed: int = 0,
    tuning: Tuning | None = None,
    batch: int | None = None,
    on_measured: Callable[[int], None] = lambda count: None,
) -> Tuned:
    """Choose fusion, weights, depth and BM25's fields of hybrid searches by nDCG@10.

    The queries are cut into folds: for each, a setting is chosen by the others and measured on it,
    so that no query is reported on that had a voice in its setting. An axis is settled after the
    other, so not every combination is searched for. Raises EvaluationError for fewer judged queries
    than folds, or fewer than two folds, and what searches raise.
    """
    judged = [query for query in queries if query.id in judgements]
    if not 2 <= folds <= len(judged):
        raise EvaluationError(
            f"{len(judged)} judged queries cannot be cut into {folds} folds: two folds at least, "
            "and a query in each."
        )
    trial = _Trial(searcher, judged, judgements, tuning or Tuning(), batch, on_measured)
    grid = grid or Grid()
    parts = np.array_split(np.random.default_rng(seed).permutation(len(judged)), folds)
    choices, held_out = trial.cross_validated(grid, parts)
    usual = trial.values(Setting())
    ids = [query.id for query in judged]
    now, before = (dict(zip(ids, map(float, each), strict=True)) for each in (held_out, usual))
    return Tuned(
        trial.best(grid, np.arange(len(judged))),
        compare(CHOSEN, now, USUAL, before, NDCG),
        {CHOSEN: float(held_out.mean()), USUAL: float(usual.mean())},
        choices,
        trial.points(),
    )


class _Trial:
    """Settings that were searched for: each once, with all queries."""

    def __init__(
        self,
        searcher: Answering,
        queries: Sequence[Query],
        judgements: Judgements,
        tuning: Tuning,
        batch: int | None,
        on_measured: Callable[[int], None],
    ) -> None:
        self._searcher, self._queries, self._judgements = searcher, queries, judgements
        self._tuning, self._batch, self._on_measured = tuning, batch, on_measured
        self._known: dict[Setting, NDArray[np.float64]] = {}

    def values(self, setting: Setting) -> NDArray[np.float64]:
        """nDCG@10 of each query: float64 [queries]."""
        if setting not in self._known:
            found = evaluate(
                self._searcher,
                self._queries,
                self._judgements,
                modes=[HYBRID],
                k=10,
                tuning=setting.applied(self._tuning),
                batch=self._batch,
            )
            if found.failures:
                first = found.failures[0]
                raise EvaluationError(
                    f"the search for query {first.query!r} failed, so that settings do not "
                    f"compare: {first.reason}"
                )
            by_query = found.figures[0].values[NDCG]
            self._known[setting] = np.array([by_query[query.id] for query in self._queries])
            self._on_measured(1)
        return self._known[setting]

    def best(self, grid: Grid, chosen: NDArray[np.int64]) -> Setting:
        """The best setting by the chosen queries; of equals the first, and the usual before all."""
        setting = Setting()
        for axis in range(len(grid.along(setting))):
            tried = [setting, *grid.along(setting)[axis]]
            means = [round(float(self.values(each)[chosen].mean()), 12) for each in tried]
            setting = tried[int(np.argmax(means))]
        return setting

    def cross_validated(
        self, grid: Grid, parts: Sequence[NDArray[np.int64]]
    ) -> tuple[list[Setting], NDArray[np.float64]]:
        """Each part's setting, chosen by the other parts, and what it gives on that part."""
        everyone = np.concatenate(parts)
        held_out = np.zeros(len(everyone))
        choices = []
        for part in parts:
            choices.append(self.best(grid, np.setdiff1d(everyone, part)))
            held_out[part] = self.values(choices[-1])[part]
        return choices, held_out

    def points(self) -> list[Point]:
        """All that was measured, in the order of weights."""
        return [
            Point(setting, float(values.mean()), *interval(list(values)))
            for setting, values in sorted(self._known.items(), key=lambda each: _order(each[0]))
        ]


def _order(setting: Setting) -> tuple[str, int, tuple[str, ...], float]:
    weight = setting.fusion.effective_weights[1]
    return setting.fusion.technique, setting.depth, setting.fields, weight
