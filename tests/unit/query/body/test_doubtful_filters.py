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
        ({"wildcard": {"city": "Par*"}}, "'Par\\*' among the single words.*use 'city.keyword'"),
        ({"wildcard": {"body": {"value": "big w*"}}}, "'big w\\*' among.*such a word begins"),
        ({"wildcard": {"body": {"wildcard": "W*"}}}, "'W\\*' among"),
        ({"prefix": {"body": {"value": "Wo"}}}, "'prefix' looks for 'Wo' among"),
        ({"range": {"year": {"gte": 2000, "lt": 1900}}}, "begins at 2000 and ends at 1900"),
        ({"range": {"year": {"gt": "2015-06", "lte": "2015-05-30"}}}, "ends at 2015-05-30"),
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
        {"wildcard": {"lang": "E*"}},
        {"wildcard": {"city": "par*"}},
        {"prefix": {"body": {"value": "Wo", "case_insensitive": True}}},
        {"range": {"year": {"gte": 1900, "lte": 1900}}},
        {"range": {"year": {"gte": "2015-06", "lte": "2015"}}},
        {"range": {"year": {"gte": "now-1d", "lte": "2015"}}},
        {"range": {"year": {"gte": 1900}}},
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
