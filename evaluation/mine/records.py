"""What passes through a mining, in the order of its way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, asdict, dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import EvaluationError
from evaluation.mine.copies import Words
from query import Query
from query.question import BM25, KNN, MODES, MOST, Mode
from tandem.base.arguments import checked_arguments

# Why a passage is no negative, in the order in which it is asked.
POSITIVE, COPY, AGAIN = "judged positive", "near copy", "found before"
TOO_HIGH, TOO_NEAR = "score too high", "within the margin"
REASONS = (POSITIVE, COPY, AGAIN, TOO_HIGH, TOO_NEAR)


class Judge(Protocol):
    """The part of encoder.CrossEncoder that judges."""

    @property
    def name(self) -> str:
        """The model's name."""

    def log_odds(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        """How surely each passage answers its query, as log-odds: float32 [n]."""


@checked_arguments(EvaluationError)
@dataclass(frozen=True)
class Mining:
    """Which passages become negatives.

    systems: searches whose hits are looked at, each by itself, in this order; depth: hits of each;
    keep: negatives of each; max_score: a negative's probability of relevance, by the judge, is
    below it; margin: its log-odds are so far below those of the query's lowest positive; relevant:
    least grade of a positive.

    The defaults are those of the MS MARCO models. Version 3 kept passages that a search ranks high
    and the cross-encoder scores below 0.1; the script that was published afterwards kept five a
    system, 3 in log-odds below the positive. Both hold here: the first keeps out what answers the
    query, the second what answers it as well as its positive does, by a judge that is unsure.
    """

    _: KW_ONLY
    systems: Sequence[Mode] = (KNN, BM25)
    depth: int = 100
    keep: int = 5
    max_score: float = 0.1
    margin: float = 3.0
    relevant: int = 1

    def __post_init__(self) -> None:
        """Refuse unknown systems and numbers out of range."""
        unknown = [each for each in self.systems if each not in MODES]
        if unknown or not self.systems:
            raise EvaluationError(
                f"the systems are {list(self.systems)} and must be of {', '.join(MODES)}."
            )
        if not 1 <= self.depth <= MOST:
            raise EvaluationError(f"the depth is {self.depth:,} and must be from 1 to {MOST:,}.")
        if self.keep < 1:
            raise EvaluationError(f"{self.keep} negatives are to be kept: ask for 1 at least.")
        if not 0 < self.max_score <= 1:
            raise EvaluationError(
                f"the highest score is {self.max_score:g} and must be a probability, above 0."
            )


@dataclass(frozen=True)
class Passage:
    """A passage as models read it, called by its document's id; score: log-odds, if judged."""

    pid: str
    text: str
    score: float | None = None
    system: str | None = None


@dataclass
class Case:
    """One query while it is mined: what is known of it, and what became of each candidate.

    candidates: by system, best first; forbidden: the words of what no negative may be a copy of.
    """

    query: Query
    positives: list[Passage]
    candidates: Mapping[str, Sequence[Passage]]
    forbidden: list[Words]
    negatives: list[Passage] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    error: str | None = None

    @property
    def bar(self) -> float:
        """The log-odds of the lowest positive."""
        return min(each.score for each in self.positives if each.score is not None)

    def line(self) -> dict[str, Any]:
        """The case as it is kept."""
        return {
            "qid": self.query.id,
            "query": self.query.text,
            "pos": [asdict(each) for each in self.positives],
            "neg": [asdict(each) for each in self.negatives],
            "dropped": dict(self.dropped),
            "error": self.error,
        }
