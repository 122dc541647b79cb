"""Figures by hand: measures, their differences, and what an evaluation asks of a searcher."""

import math

import pytest

from evaluation import EvaluationError, compare, evaluate, measure
from evaluation.measure.significance import interval, randomisation_p
from query import Answer, Query, Result
from query.answer.results import Hit

JUDGED = {"q1": {"a": 3, "b": 1}, "q2": {"c": 1}, "q3": {"d": 2}}
RUN = {"q1": [("b", 0.9), ("x", 0.8), ("a", 0.7)], "q2": [("x", 0.9)]}


def test_measures_by_hand():
    found = measure(RUN, JUDGED)
    ideal = 3 + 1 / math.log2(3)
    assert found["nDCG@10"]["q1"] == pytest.approx((1 + 3 / math.log2(4)) / ideal)
    assert found["RR@10"] == {"q1": 1.0, "q2": 0.0, "q3": 0.0}
    assert found["R@100"] == {"q1": 1.0, "q2": 0.0, "q3": 0.0}
    assert found["judged@10"]["q1"] == pytest.approx(2 / 3)


def test_a_judged_query_without_hits_counts_0():
    assert measure({}, JUDGED)["nDCG@10"] == {"q1": 0.0, "q2": 0.0, "q3": 0.0}


def test_what_counts_as_relevant_changes_rr_and_recall():
    found = measure(RUN, JUDGED, relevant=2)
    assert found["RR@10"]["q1"] == pytest.approx(1 / 3)
    assert found["R@1000"]["q1"] == 1.0
    assert found["nDCG@10"] == measure(RUN, JUDGED)["nDCG@10"]


def test_the_randomisation_test_by_counting():
    """Of the 2^4 assignments of signs to four equal gains, two are as extreme as what was seen."""
    import numpy as np

    gains = np.array([0.1, 0.1, 0.1, 0.1])
    assert randomisation_p(gains, np.zeros(4)) == pytest.approx(2 / 16)
    assert randomisation_p(gains, gains) == 1.0
    assert randomisation_p(gains[:1], np.zeros(1)) == 1.0


def test_an_interval_holds_the_mean_and_narrows_with_the_queries():
    few, many = interval([0.0, 1.0] * 10), interval([0.0, 1.0] * 1000)
    assert few[0] < 0.5 < few[1]
    assert many[1] - many[0] < (few[1] - few[0]) / 5
    assert interval([0.3]) == (0.3, 0.3)
    assert all(math.isnan(end) for end in interval([]))


def test_queries_that_moved_come_with_the_largest_first():
    before = {"a": 0.5, "b": 0.5, "c": 0.5, "d": 0.5}
    now = {"a": 0.6, "b": 0.9, "c": 0.1, "d": 0.5}
    found = compare("new", now, "old", before, "nDCG@10")
    assert found.gained == (("b", 0.5, 0.9), ("a", 0.5, 0.6))
    assert found.lost == (("c", 0.5, 0.1),)
    assert found.difference == pytest.approx(0.025)


class Fixed:
    """Answers from a table, as a searcher would; `asked` holds what it was asked."""

    def __init__(self, table):
        self.table, self.asked = table, []

    def search_many(self, queries, *, mode, k, **options):
        self.asked.append((mode, k, [query.id for query in queries], options))
        for query in queries:
            found = self.table.get((mode, query.id))
            if isinstance(found, str):
                yield Answer(query, None, found)
                continue
            hits = tuple(
                Hit(rank, f"{name}#0", 1.0, "", {}, document_id=name)
                for rank, name in enumerate(found or (), start=1)
            )
            yield Answer(query, Result(mode, hits[:k], 1, collapsed=options["collapse"]))


QUERIES = [Query("q1", "one"), Query("q2", "two"), Query("q3", "three"), Query("q4", "nobody's")]
TABLE = {
    ("knn", "q1"): ["a"],
    ("knn", "q2"): ["q2", "c"],
    ("bm25", "q1"): ["x", "a"],
    ("bm25", "q2"): "it took too long",
}


def test_an_evaluation_runs_judged_queries_and_compares_with_the_first():
    searcher = Fixed(TABLE)
    found = evaluate(searcher, QUERIES, JUDGED, modes=["knn", "bm25"], k=7)
    assert [(mode, k, ids) for mode, k, ids, _ in searcher.asked] == [
        ("knn", 7, ["q1", "q2", "q3"]),
        ("bm25", 7, ["q1", "q2", "q3"]),
    ]
    assert all(asked["collapse"] for *_, asked in searcher.asked)
    knn, bm25 = found.figures
    assert knn.values["RR@10"] == {"q1": 1.0, "q2": 0.5, "q3": 0.0}
    assert bm25.means["RR@10"] == pytest.approx(0.5 / 3)
    assert [(each.mode, each.query) for each in found.failures] == [("bm25", "q2")]
    (only,) = found.comparisons
    assert (only.name, only.against) == ("bm25", "knn")


def test_the_querys_own_document_can_be_left_out():
    searcher = Fixed(TABLE)
    found = evaluate(searcher, QUERIES, JUDGED, modes=["knn"], k=1, leave_out_own=True)
    assert searcher.asked[0][1] == 2
    assert found.figures[0].values["RR@10"]["q2"] == 1.0


def test_judged_queries_without_a_text_are_told_and_none_at_all_is_refused():
    found = evaluate(Fixed(TABLE), QUERIES[:1], JUDGED, modes=["knn"])
    assert found.queries == 1
    assert "2 judged queries have no text" in found.notes[0]
    with pytest.raises(EvaluationError, match=r"such as 'other', .* such as 'q1'"):
        evaluate(Fixed({}), [Query("other", "x")], JUDGED)
