"""Phrases and unwanted words: what is made of a query, and of the clauses of each leg."""

import numpy as np
import pytest

from query.body.words.bm25 import bm25_clause, unwanted
from query.body.words.query_syntax import Written, plain_text, taken_apart
from query.question import Bm25, Question
from tests.unit.query.targets import OPENSEARCH, planned, target

VECTOR = np.array([1, 0, 0], dtype=np.float32)


@pytest.mark.parametrize(
    ("text", "plain", "phrases", "unwanted"),
    [
        ('"steam engine" history', "steam engine history", ("steam engine",), ()),
        ("wool -sheep", "wool", (), ("sheep",)),
        ("“steam engine” -“hot air” -x y", "steam engine y", ("steam engine",), ("hot air", "x")),
        ("„steam engine“ -„hot air“", "steam engine", ("steam engine",), ("hot air",)),
        (
            "«machine à vapeur» -« air chaud »",
            "machine à vapeur",
            ("machine à vapeur",),
            ("air chaud",),
        ),
        ('say "hi" -', "say hi -", ("hi",), ()),
        ("naïve -café", "naïve", (), ("café",)),
    ],
)
def test_a_query_is_taken_apart(text, plain, phrases, unwanted):
    assert taken_apart(text) == Written(plain, phrases, unwanted)


@pytest.mark.parametrize(
    "text",
    [
        "well-known 1990-2000",
        "pre- and post-war",
        "a - b",
        "-5 degrees",
        "C++ --help",
        'the "odd quote',
        '""',
        "-wool",
        '-"hot air"',
        "der „offene Anfang",
    ],
)
def test_a_query_without_signs_or_without_wanted_words_is_left_whole(text):
    assert taken_apart(text) == Written(text, whole=text in ("-wool", '-"hot air"'))


def phrase(text, **more):
    fields = ["text", "title^2"]
    return {"multi_match": {"query": text, "fields": fields, "type": "phrase", **more}}


def test_the_words_leg_must_have_phrases_and_no_leg_what_is_unwanted():
    fields, where = ["text", "title^2"], {"term": {"lang": "en"}}
    text = '"a b" c -d'
    found = bm25_clause(text, Bm25(), fields, where)["bool"]
    assert found["must"][0]["multi_match"]["query"] == "a b c"
    assert found["filter"] == [phrase("a b", zero_terms_query="all"), where]
    assert found["must_not"] == [phrase("d")]
    assert unwanted(text, fields) == {"bool": {"must_not": [phrase("d")]}}
    assert unwanted('"a b" c', fields) is None
    question = Question("a -d", filter=where)
    (item,) = planned(question, target(), OPENSEARCH, VECTOR).items
    _, knn = item.body["query"]["hybrid"]["queries"]
    assert len(knn["knn"]["vector"]["filter"]["bool"]["filter"]) == 2


def test_neighbours_alone_are_of_the_whole_text():
    assert plain_text(Question("a -d", mode="knn")) == "a -d"
    assert plain_text(Question("a -d")) == plain_text(Question("a -d", mode="bm25")) == "a"
    (item,) = planned(Question("a -d", mode="knn"), target(), OPENSEARCH, VECTOR).items
    assert "must_not" not in str(item.body)
