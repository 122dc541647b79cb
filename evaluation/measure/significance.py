"""Whether a difference between two runs is more than chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import EvaluationError
from tandem.base.arguments import checked_arguments

# Random assignments, and resamples of an interval: enough that the last digit shown is steady.
ROUNDS = 9_999
CONFIDENCE = 0.95
SEED = 20021
# So many queries that gained, and that lost, most.
MOST_SHOWN = 5

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """Two runs over the same queries, by one measure.

    difference: mean of `name` less mean of `against`; low, high: its 95 % confidence interval; p:
    two-sided, of a paired randomisation test; gained, lost: (query id, value before, value now) of
    those that moved most, largest first.
    """

    name: str
    against: str
    measure: str
    difference: float
    low: float
    high: float
    p: float
    gained: tuple[tuple[str, float, float], ...]
    lost: tuple[tuple[str, float, float], ...]


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % confidence interval of the mean, by the percentile bootstrap over queries.

    A single query, or queries of one value, give that value twice; none give NaN. Source: B. Efron
    and R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
    """
    from scipy.stats import bootstrap

    given = np.asarray(values, dtype=np.float64)
    if given.size == 0:
        return float("nan"), float("nan")
    if np.ptp(given) == 0:
        return float(given[0]), float(given[0])
    found = bootstrap(
        (given,),
        np.mean,
        n_resamples=ROUNDS,
        batch=500,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    return float(found.low), float(found.high)


def randomisation_p(first: Values, second: Values) -> float:
    """The two-sided p of a paired randomisation test on the difference of means.

    first, second: float64 [queries]. Under the null hypothesis a query's two values are
    exchangeable, so their difference takes either sign. Source: M. Smucker, J. Allan and B.
    Carterette, "A comparison of statistical significance tests for information retrieval
    evaluation", CIKM 2007.
    """
    from scipy.stats import permutation_test

    differences = first - second
    # The difference of a single query is as large with either sign.
    if differences.size < 2 or not differences.any():
        return 1.0
    found = permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=ROUNDS,
        batch=500,
        rng=np.random.default_rng(SEED),
    )
    return float(found.pvalue)


@checked_arguments(EvaluationError)
def compare(
    name: str,
    now: Mapping[str, float],
    against: str,
    before: Mapping[str, float],
    measure: str,
) -> Comparison:
    """Compare two runs' values of a measure, query by query; both hold the same queries."""
    queries = list(now)
    first = np.array([now[query] for query in queries])
    second = np.array([before[query] for query in queries])
    low, high = interval(first - second)
    moved = sorted(queries, key=lambda query: before[query] - now[query])
    gained = [query for query in moved if now[query] > before[query]]
    lost = [query for query in reversed(moved) if now[query] < before[query]]

    def shown(ids: list[str]) -> tuple[tuple[str, float, float], ...]:
        return tuple((query, before[query], now[query]) for query in ids[:MOST_SHOWN])

    difference = float(np.mean(first - second))
    p = randomisation_p(first, second)
    return Comparison(name, against, measure, difference, low, high, p, shown(gained), shown(lost))
