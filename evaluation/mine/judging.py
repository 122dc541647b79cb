"""Which candidates become negatives: rules first, and the judge for what the rules leave."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from evaluation.mine.copies import Words, near_copy, words_of
from evaluation.mine.records import (
    AGAIN,
    COPY,
    POSITIVE,
    TOO_HIGH,
    TOO_NEAR,
    Case,
    Judge,
    Mining,
    Passage,
)


def choose(cases: Sequence[Case], judge: Judge | None, mining: Mining) -> None:
    """Give each case its negatives, and count why other candidates are none.

    Candidates are judged in the order of their ranks, and no more of them than it takes to keep
    `mining.keep` of each system. Without a judge all that the rules leave are kept. The pairs of
    all cases are judged together, so the scores of a case depend, in their last digits, on the
    cases beside it.
    """
    _judge_positives(cases, judge)
    states = [_State(case) for case in cases]
    for system in mining.systems:
        eager = [(state, state.left(system)) for state in states]
        while True:
            taken = [(state, each) for state, left in eager for each in state.next(left, mining)]
            if not taken:
                break
            passages = _scored(judge, taken)
            for (state, _), passage in zip(taken, passages, strict=True):
                state.settle(passage, mining)
        for state in states:
            state.kept = 0


def _judge_positives(cases: Sequence[Case], judge: Judge | None) -> None:
    taken = [(case, each) for case in cases for each in case.positives]
    if judge is None or not taken:
        return
    scores = judge.log_odds([(case.query.text, each.text) for case, each in taken])
    for case in cases:
        case.positives = []
    for (case, each), score in zip(taken, scores, strict=True):
        case.positives.append(replace(each, score=float(score)))


@dataclass
class _State:
    """A case, what of its candidates was seen, and how many this system has given it."""

    case: Case
    seen: set[str] = field(default_factory=set)
    texts: set[Words] = field(default_factory=set)
    kept: int = 0

    def left(self, system: str) -> Iterator[Passage]:
        """The system's candidates that the rules leave, lazily; the rest is counted."""
        positives = {each.pid for each in self.case.positives}
        for each in self.case.candidates.get(system, ()):
            if each.pid in self.seen:
                continue
            self.seen.add(each.pid)
            words = words_of(each.text)
            if each.pid in positives:
                self.case.dropped[POSITIVE] += 1
            elif any(near_copy(words, other) for other in self.case.forbidden):
                self.case.dropped[COPY] += 1
            elif words in self.texts:
                self.case.dropped[AGAIN] += 1
            else:
                self.texts.add(words)
                yield each

    def next(self, left: Iterator[Passage], mining: Mining) -> list[Passage]:
        """As many as may still be kept."""
        return list(islice(left, mining.keep - self.kept))

    def settle(self, passage: Passage, mining: Mining) -> None:
        """Keep a passage, or count why not."""
        if passage.score is not None:
            if _probability(passage.score) >= mining.max_score and mining.max_score < 1:
                self.case.dropped[TOO_HIGH] += 1
                return
            if passage.score > self.case.bar - mining.margin:
                self.case.dropped[TOO_NEAR] += 1
                return
        self.kept += 1
        self.case.negatives.append(passage)


def _scored(judge: Judge | None, taken: Sequence[tuple[_State, Passage]]) -> list[Passage]:
    if judge is None:
        return [each for _, each in taken]
    scores = judge.log_odds([(state.case.query.text, each.text) for state, each in taken])
    return [
        replace(each, score=float(score)) for (_, each), score in zip(taken, scores, strict=True)
    ]


def _probability(odds: float) -> float:
    return 0.5 * (1 + math.tanh(0.5 * odds))
