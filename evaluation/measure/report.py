"""Figures as the object of `evaluate --json`."""

from __future__ import annotations

from typing import Any

from evaluation.measure.evaluate import Evaluation
from evaluation.measure.measures import NDCG
from evaluation.measure.significance import Comparison


def evaluation_json(evaluation: Evaluation) -> dict[str, Any]:
    """`queries` and the means in `modes` are a promise; the rest says how sure they are."""
    return {
        "queries": evaluation.queries,
        "modes": {
            each.name: {**each.means, "interval": {NDCG: list(each.interval())}}
            for each in evaluation.figures
        },
        "comparisons": [comparison_json(each) for each in evaluation.comparisons],
        "failures": [
            {"mode": each.mode, "query": each.query, "reason": each.reason}
            for each in evaluation.failures
        ],
        "notes": list(evaluation.notes),
    }


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """One comparison, with the queries that moved most."""
    return {
        "run": comparison.name,
        "against": comparison.against,
        "measure": comparison.measure,
        "difference": comparison.difference,
        "interval": [comparison.low, comparison.high],
        "p": comparison.p,
        "gained": [list(each) for each in comparison.gained],
        "lost": [list(each) for each in comparison.lost],
    }
