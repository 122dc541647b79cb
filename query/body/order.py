"""The order of hits: by fields instead of by relevance, or by relevance that fields raise."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from query.errors import QueryError
from query.question import HYBRID, Question
from query.target import DATES, NUMBERS, Target, valued_field

Numbers = NDArray[np.float64]

_SORT = re.compile(r"\s*(.+?)(?::(asc|desc))?\s*", re.S)
_BOOST = re.compile(r"\s*([^\s:^]+)(?::([^\s:^]+))?(?:\^(\d+(?:\.\d+)?))?\s*")
_AGE = re.compile(r"(\d+(?:\.\d+)?)([mhdwy])")
_SECONDS = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800, "y": 31_536_000}


def check_order(question: Question) -> None:
    """Refuse what would order the same hits twice, or explain an order that is none of scores."""
    if not question.sort:
        return
    if question.boost:
        raise QueryError(
            "`sort` orders by fields and `boost` raises scores, which would then order nothing: "
            "leave out one of them."
        )
    if question.mode == HYBRID and question.explain:
        raise QueryError(
            "sorted hits of a hybrid search are not ranked by a score, so there is none to "
            "explain: leave out `explain` or `sort`."
        )
    if question.mode == HYBRID and question.tuning.pipeline:
        raise QueryError(
            f"pipeline {question.tuning.pipeline!r} fuses scores, which order nothing where hits "
            "are sorted: leave out `pipeline` or `sort`."
        )


def check_rerank(question: Question) -> None:
    """Refuse to have hits ordered by a cross-encoder that are to be ordered by fields."""
    for name in ("sort", "boost"):
        if getattr(question, name):
            raise QueryError(
                f"a cross-encoder orders the hits anew, so that `{name}` would do nothing: leave "
                "out one of them."
            )


def sort_clauses(asked: Sequence[str], target: Target) -> list[dict[str, Any]]:
    """The cluster's `sort`: the fields, and among equals the score; without a value comes last.

    Raises QueryError and FilterError for what is no field with an order.
    """
    clauses: list[dict[str, Any]] = []
    for text in asked:
        match = _SORT.fullmatch(text)
        if not match:
            raise QueryError(f"{text!r} says no order: write it as year or year:desc.")
        field, kind = valued_field(match[1], target.types, target.name, "sorted by")
        # Of several indexes, one may lack the field.
        clauses.append({field: {"order": match[2] or "asc", "unmapped_type": kind}})
    return [*clauses, {"_score": {"order": "desc"}}] if clauses else []


@dataclass(frozen=True)
class Boost:
    """What a field adds to a score: score + |score| x weight x share, the share from 0 to 1.

    Of a date, 2^(-age / scale): half at the age of `scale` seconds, the exponential decay of
    https://www.elastic.co/docs/reference/query-languages/query-dsl/query-dsl-function-score-query
    (decay 0.5, offset 0). Of a number, value / (value + scale): half at `scale`, the saturation of
    query-dsl-rank-feature-query there, whose pivot is, unless told, the values' geometric mean;
    here that of the candidates. now: seconds since 1970. Without a value, the share is 0.
    """

    field: str
    is_date: bool
    scale: float | None
    weight: float
    now: float

    def asked(self) -> dict[str, str]:
        """One of the cluster's `docvalue_fields`."""
        return {"field": self.field, **({"format": "epoch_millis"} if self.is_date else {})}

    def share(self, values: Numbers) -> Numbers:
        """values: float64 [n], NaN where there is none; returns the same shape, from 0 to 1."""
        if self.is_date:
            found = np.exp2(-np.abs(self.now - values / 1000.0) / (self.scale or 1.0))
        else:
            above = np.where(values > 0, values, np.nan)
            found = above / (above + (self.scale or _geometric_mean(above)))
        return np.nan_to_num(found, nan=0.0)


def _geometric_mean(values: Numbers) -> float:
    known = values[np.isfinite(values)]
    return float(np.exp(np.log(known).mean())) if known.size else 1.0


def read_boosts(asked: Sequence[str], target: Target) -> tuple[Boost, ...]:
    """Boosts as they are written: `published:30d`, `likes`, `likes:100`, `likes^0.5`.

    Raises QueryError and FilterError for what is none, or whose field has no numbers or dates.
    """
    return tuple(_boost(text, target) for text in asked)


def _boost(text: str, target: Target) -> Boost:
    match = _BOOST.fullmatch(text)
    if not match:
        raise QueryError(
            f"{text!r} is no boost: write published:30d, likes, likes:100, or likes^0.5 for half "
            "as much."
        )
    name, scale, weight = match.groups()
    field, kind = valued_field(name, target.types, target.name, "boosted by")
    if kind not in (*DATES, *NUMBERS):
        raise QueryError(
            f"field {name!r} is of type {kind} and raises no score: name a field of dates or "
            "numbers with `boost`."
        )
    is_date = kind in DATES
    read = (_age if is_date else _pivot)(text, name, scale)
    return Boost(field, is_date, read, float(weight or 1.0), time.time())


def _age(text: str, name: str, scale: str | None) -> float:
    """The seconds after which half of a boost is left."""
    match = _AGE.fullmatch(scale or "")
    if not match or not float(match[1]):
        raise QueryError(
            f"the boost {text!r} is by a field of dates and does not say after what age half of "
            f"it is left: write it as {name}:30d, or with m, h, w or y."
        )
    return float(match[1]) * _SECONDS[match[2]]


def _pivot(text: str, name: str, scale: str | None) -> float | None:
    """The number that gets half of a boost, None for that of the candidates."""
    if scale is None:
        return None
    try:
        pivot = float(scale)
    except ValueError:
        pivot = math.nan
    if not 0 < pivot < math.inf:
        raise QueryError(
            f"the boost {text!r} is by a field of numbers and {scale!r} is no number above 0: "
            f"write it as {name} or {name}:100."
        )
    return pivot


def raised(
    scores: Sequence[float], hits: Sequence[Mapping[str, Any]], boosts: Sequence[Boost]
) -> list[float]:
    """The scores of candidates, raised by the values that the cluster gave with them.

    hits: with `fields`, as `docvalue_fields` asks for them; of several values, the greatest counts.
    """
    found = np.array(scores, dtype=np.float64)
    more = np.zeros_like(found)
    for boost in boosts:
        values = [_greatest(hit, boost.field) for hit in hits]
        more += boost.weight * boost.share(np.array(values, dtype=np.float64))
    raised_scores: list[float] = (found + np.abs(found) * more).tolist()
    return raised_scores


def _greatest(hit: Mapping[str, Any], field: str) -> float:
    return max(map(float, hit.get("fields", {}).get(field, ())), default=math.nan)
