"""A searcher and a judge whose answers stand in tables, for minings that are computed by hand."""

from __future__ import annotations

import os
import signal

import numpy as np

from query import Answer, Query, Result
from query.answer.results import Hit

TEXTS = {
    "right": "Paris is the capital of France and its largest city.",
    "same": "PARIS is the capital of France - and its largest city!",
    "near": "Paris is the capital of France and its largest city by far.",
    "france": "France borders Spain.",
    "lyon": "Lyon is a city in France.",
    "lyons": "Lyon is a city, in France",
    "marseille": "Marseille has a port.",
    "answers": "The French capital has two million people.",
    "half": "Some say that it is Versailles.",
    "cat": "Cats sleep.",
    "far": "The seat of government is on the Seine.",
}
RANKS = {
    ("knn", "q1"): ["right", "same", "near", "answers", "half", "france", "lyon", "lyons", "cat"],
    ("bm25", "q1"): ["france", "lyon", "right", "marseille", "answers", "cat"],
    ("knn", "q2"): ["cat", "lyon"],
    ("bm25", "q2"): [],
    ("knn", "q3"): ["cat"],
}
# Log-odds of relevance: 0 is a probability of 0.5, -2.2 of 0.1.
ODDS = {"right": 2.0, "far": -1.0, "answers": 1.5, "half": -2.0, "france": -3.0, "cat": -9.0}
QUERIES = [
    Query("q1", "capital of France"),
    Query("q2", "seat of government"),
    Query("q3", "fails"),
    Query("q4", "nowhere"),
]
JUDGED = {"q1": {"right": 1, "lyon": 0}, "q2": {"far": 2}, "q3": {"cat": 1}, "q4": {"gone": 1}}


class FixedSearcher:
    """Answers from RANKS; `looked_for` holds the positives that were asked for by their ids."""

    def __init__(self):
        self.looked_for = []

    def search_many(self, queries, *, mode, k, batch, collapse, tuning):
        assert collapse
        for query in queries:
            if query.text == "fails" and mode == "bm25":
                yield Answer(query, None, "it took too long")
            else:
                yield Answer(query, self.result(mode, RANKS.get((mode, query.id), [])[:k]))

    def search(self, text, *, mode, k, collapse, filter):
        (wanted,) = filter["terms"].values()
        self.looked_for += wanted
        return self.result(mode, [pid for pid in wanted if pid in TEXTS][:k])

    def document_field(self):
        return "document_id"

    def result(self, mode, pids):
        hits = (
            Hit(rank, f"{pid}#0", 1.0, TEXTS[pid], {}, document_id=pid)
            for rank, pid in enumerate(pids, start=1)
        )
        return Result(mode, tuple(hits), 1, collapsed=True)


class TableJudge:
    """Log-odds from ODDS, -5 elsewhere; at the call of number `fatal` it kills its process."""

    name = "table"

    def __init__(self, fatal=0):
        self.read, self.calls, self.fatal = [], 0, fatal

    def log_odds(self, pairs):
        self.calls += 1
        if self.calls == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        by_text = {text: pid for pid, text in TEXTS.items()}
        pids = [by_text.get(passage, "") for _, passage in pairs]
        self.read += pids
        return np.array([ODDS.get(pid, -5.0) for pid in pids], np.float32)
