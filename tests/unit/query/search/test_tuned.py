"""An index that was tuned: its settings count where a question leaves them open."""

import pytest

from mappings import Fusion, SearchSettings
from mappings.pipelines.search import SEARCH
from query import Bm25, Question, Tuning
from query.target import read_target
from tests.unit.query.targets import described

SETTINGS = SearchSettings(Fusion(weights=(0.4, 0.6)), 50, ("title^2",))


def target(*settings):
    found = {f"books-{number}": described() for number in range(len(settings))}
    for each, given in zip(found.values(), settings, strict=True):
        if given:
            each["mappings"]["_meta"][SEARCH] = given.to_meta()
    return read_target("books", found)


def test_what_is_left_open_is_as_the_index_was_tuned():
    tuned = target(SETTINGS).tuned(Question("a")).tuning
    assert (tuned.fusion, tuned.depth, tuned.bm25.fields) == (
        SETTINGS.fusion,
        50,
        ("title^2",),
    )


def test_what_is_asked_for_wins():
    asked = Tuning(fusion=Fusion(), depth=7, bm25=Bm25(fields=["text"]))
    assert target(SETTINGS).tuned(Question("a", tuning=asked)).tuning == asked


@pytest.mark.parametrize(
    "question",
    [
        Question("a", mode="knn"),
        Question("a", mode="bm25"),
        Question("a", tuning=Tuning(pipeline="own")),
    ],
)
def test_other_searches_do_the_usual(question):
    assert target(SETTINGS).tuned(question) == question


def test_of_several_indexes_only_what_all_of_them_say():
    assert target(SETTINGS, SETTINGS).settings == SETTINGS
    assert target(SETTINGS, None).settings is None
    assert target(None).tuned(Question("a")) == Question("a")
