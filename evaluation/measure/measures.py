"""Measures of a run against judgements, by ir-measures."""

from __future__ import annotations

from typing import Any

from evaluation.errors import EvaluationError
from evaluation.measure.judgements import Judgements
from evaluation.measure.runs import Run
from tandem.base.arguments import checked_arguments

# As they are printed, and in `evaluate --json`.
NDCG, RR, R100, R1000, JUDGED = "nDCG@10", "RR@10", "R@100", "R@1000", "judged@10"
MEASURES = (NDCG, RR, R100, R1000, JUDGED)


@checked_arguments(EvaluationError)
def measure(run: Run, judgements: Judgements, relevant: int = 1) -> dict[str, dict[str, float]]:
    """Each measure's value for each judged query, 0 for a query without hits.

    relevant: the least grade that counts as relevant for RR and R (nDCG uses the grades
    themselves). judged@10 is the share of the first ten hits that anyone judged. Sources: nDCG as
    trec_eval has it (gain = grade, discount log2(rank + 1)); J. Järvelin and J. Kekäläinen,
    "Cumulated gain-based evaluation of IR techniques", 2002. Raises EvaluationError where
    ir-measures is not installed.
    """
    import_measures()
    import ir_measures

    names = _measures(relevant)
    values: dict[str, dict[str, float]] = {
        name: dict.fromkeys(judgements, 0.0) for name in MEASURES
    }
    found = {query: dict(hits) for query, hits in run.items() if hits and query in judgements}
    for metric in ir_measures.iter_calc(list(names), judgements, found):
        values[names[metric.measure]][metric.query_id] = float(metric.value)
    return values


def _measures(relevant: int) -> dict[Any, str]:
    import ir_measures

    return {
        ir_measures.nDCG @ 10: NDCG,
        ir_measures.RR(rel=relevant) @ 10: RR,
        ir_measures.R(rel=relevant) @ 100: R100,
        ir_measures.R(rel=relevant) @ 1000: R1000,
        ir_measures.Judged @ 10: JUDGED,
    }


def import_measures() -> None:
    """Raise EvaluationError where what computes the figures is not installed."""
    try:
        import ir_measures  # noqa: F401
        import scipy  # noqa: F401
    except ImportError as error:
        raise EvaluationError(
            f"{error.name} is not installed, which figures need: pip install "
            "'tandem-search[evaluate]'."
        ) from error
