"""Filters that hardly a document can meet are told; the others are not."""

import re

import pytest

from query.body.filters.doubtful import doubts_of
from query.body.filters.dsl import parse_dsl
from query.errors import FilterError

TYPES = {
    "city": "text",
    "city.keyword": "keyword",
    "body": "text",
    "lang": "keyword",
    "year": "long",
}


@pytest.mark.parametrize(
    ("dsl", "said"),
    [
        ({"term": {"city": "New York"}}, "use 'city.keyword'"),
        ({"term": {"city": {"value": "Paris"}}}, "among the single words of 'city'"),
        ({"terms": {"body": ["wool", "Wool"]}}, "'Wool' among.*use 'match_phrase'"),
        ({"bool": {"must_not": {"term": {"lang": "e*"}}}}, "'e\\*' as it stands.*use 'wildcard'"),
        ({"constant_score": {"filter": {"terms": {"lang": ["e?"]}}}}, "knows no patterns"),
    ],
)
def test_what_hardly_a_document_meets(dsl, said):
    (found,) = doubts_of(dsl, TYPES)
    assert re.search(said, found)


@pytest.mark.parametrize(
    "dsl",
    [
        None,
        {"term": {"city": "paris"}},
        {"term": {"city.keyword": "New York"}},
        {"match": {"city": "New York"}},
        {"wildcard": {"lang": "e*"}},
        {"term": {"year": 1990}},
        {"terms": {"lang": ["en", "DE"]}},
        {"exists": {"field": "city"}},
    ],
)
def test_what_can_be_met(dsl):
    assert doubts_of(dsl, TYPES) == ()


def test_a_number_of_thousands_of_digits():
    with pytest.raises(FilterError, match="thousands of digits"):
        parse_dsl('{"term": {"year": ' + "9" * 5000 + "}}")
