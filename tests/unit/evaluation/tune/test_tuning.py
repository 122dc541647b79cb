"""Tuning by hand: what is chosen, and that nothing is reported by what it was chosen by."""

import numpy as np
import pytest

from evaluation import EvaluationError, Grid, tune
from evaluation.tune.plot import draw_curve
from mappings import Fusion
from query import Answer, Query, Result
from query.answer.results import Hit

QUERIES = [Query(f"q{number}", "words") for number in range(60)]
JUDGED = {query.id: {"right": 1} for query in QUERIES}
GRID = Grid(techniques=["min_max"], step=0.25, depths=[50, 100], fields=[(), ("title",)])


class Ranking:
    """Puts the right document at the place that a function of query and tuning says, from 1."""

    def __init__(self, place):
        self.place, self.asked = place, 0

    def search_many(self, queries, *, tuning, k, **_):
        self.asked += 1
        for query in queries:
            others = [f"x{number}" for number in range(k - 1)]
            others.insert(self.place(query, tuning) - 1, "right")
            hits = (Hit(rank, name, 1 / rank, "", {}) for rank, name in enumerate(others, start=1))
            yield Answer(query, Result("hybrid", tuple(hits), 1))


def test_what_is_better_for_all_queries_is_chosen_axis_by_axis():
    def place(query, tuning):
        worse = tuning.fusion.effective_weights != (0.25, 0.75)
        return 1 + 2 * worse + (tuning.depth != 50) + (tuning.bm25.fields != ("title",))

    found = tune(Ranking(place), QUERIES, JUDGED, grid=GRID)
    assert found.setting.fusion == Fusion(weights=(0.25, 0.75))
    assert (found.setting.depth, found.setting.fields) == (50, ("title",))
    assert set(found.choices) == {found.setting}
    assert found.gains
    assert found.means["tuned"] == 1.0
    assert found.means["usual"] == pytest.approx(1 / np.log2(6))
    assert found.setting.to_settings().to_meta() == {
        "fusion": {
            "technique": "min_max",
            "combination": "arithmetic_mean",
            "weights": (0.25, 0.75),
            "rank_constant": 60,
        },
        "depth": 50,
        "fields": ["title"],
    }


@pytest.mark.parametrize("seed", range(5))
def test_on_random_judgements_there_is_no_gain(seed):
    """Some setting is best by chance by what chose it, and not on other queries."""
    random = np.random.default_rng(seed)
    places = {}

    def place(query, tuning):
        key = query.id, tuning.fusion.effective_weights, tuning.depth, tuning.bm25.fields
        return places.setdefault(key, int(random.integers(1, 10)))

    found = tune(Ranking(place), QUERIES, JUDGED, grid=Grid(step=0.1))
    best = max(point.mean for point in found.points)
    assert best > found.means["usual"]
    assert found.means["tuned"] <= best
    assert not found.gains


def test_no_query_has_a_voice_in_its_own_setting():
    """Odd queries want one weight, even ones another: the majority of the others decides."""
    wanted = {query.id: 0.25 if int(query.id[1:]) % 3 else 0.75 for query in QUERIES}

    def place(query, tuning):
        return 1 if tuning.fusion.effective_weights[1] == wanted[query.id] else 9

    found = tune(Ranking(place), QUERIES, JUDGED, grid=GRID, folds=60)
    # Alone in its fold, each is searched by what most of the others want.
    mean = 1 / np.log2(10)
    assert found.means["tuned"] == pytest.approx((40 + 20 * mean) / 60)


def test_a_setting_is_searched_for_once():
    searcher = Ranking(lambda query, tuning: 2)
    counted = []
    found = tune(searcher, QUERIES, JUDGED, grid=GRID, on_measured=counted.append)
    assert searcher.asked == len(counted) == len(found.points) == 6
    assert found.setting.name == "min_max 0.3, 0.7, depth 100"
    assert not found.gains


def test_the_curve_is_drawn(tmp_path):
    searcher = Ranking(lambda query, tuning: 2)
    found = tune(searcher, QUERIES, JUDGED, grid=Grid(step=0.25))
    draw_curve(found, "books", tmp_path / "curve.svg")
    assert (tmp_path / "curve.svg").read_text().startswith("<?xml")
    with pytest.raises(EvaluationError, match="cannot be written"):
        draw_curve(found, "books", tmp_path / "curve.nothing")


def test_what_cannot_be_tuned_is_refused():
    searcher = Ranking(lambda query, tuning: 2)
    with pytest.raises(EvaluationError, match="1 judged queries cannot be cut into 5 folds"):
        tune(searcher, QUERIES[:1], JUDGED)
    with pytest.raises(EvaluationError, match=r"the step of weights is 0\.9"):
        Grid(step=0.9)


def test_fields_that_are_tried_of_an_index():
    assert Grid.boosts(["text"]) == [()]
    assert Grid.boosts(["text", "title"]) == [
        (),
        ("text",),
        ("text", "title^0.5"),
        ("text", "title^2"),
    ]
