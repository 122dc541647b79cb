"""Conditions and filters: what they become, and what is wrong with them in one sentence."""

import json

import pytest

from query.body.filters.conditions import condition
from query.body.filters.dsl import MOST_DEEP, check_dsl, combined_filter, parse_dsl
from query.body.request import dumps
from query.errors import FilterError
from tests.unit.query.targets import target

TYPES = target().types
ISO = {"format": "strict_date_optional_time"}


def made(text):
    return condition(text, TYPES, "books")


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("lang=en", {"term": {"lang": "en"}}),
        (" lang = en ", {"term": {"lang": "en"}}),
        ("lang=en,de", {"terms": {"lang": ["en", "de"]}}),
        ("lang!=en", {"bool": {"must_not": [{"term": {"lang": "en"}}]}}),
        ("lang!=en,de", {"bool": {"must_not": [{"terms": {"lang": ["en", "de"]}}]}}),
        ("year>=2019", {"range": {"year": {"gte": 2019}}}),
        ("year<=2019", {"range": {"year": {"lte": 2019}}}),
        ("year>2019", {"range": {"year": {"gt": 2019}}}),
        ("year<-5", {"range": {"year": {"lt": -5}}}),
        ("year=2019", {"term": {"year": 2019}}),
        ("price<9.5", {"range": {"price": {"lt": 9.5}}}),
        ("open=true", {"term": {"open": True}}),
        ("added>=2024-05-01", {"range": {"added": {"gte": "2024-05-01", **ISO}}}),
        (
            "added=2024-05",
            {"range": {"added": {"gte": "2024-05||/M", "lte": "2024-05||/M", **ISO}}},
        ),
        ("added<=2024-05-01T10:00Z", {"range": {"added": {"lte": "2024-05-01T10:00Z", **ISO}}}),
        ("added>31/12/2023", {"range": {"added": {"gt": "31/12/2023"}}}),
        ("added>now-7d", {"range": {"added": {"gt": "now-7d"}}}),
        ("year>=1990.5", {"range": {"year": {"gte": 1990.5}}}),
        ("open=True", {"term": {"open": True}}),
        ("added>=now-1y/y", {"range": {"added": {"gte": "now-1y/y"}}}),
        ("host=10.0.0.0/8,::1", {"terms": {"host": ["10.0.0.0/8", "::1"]}}),
        (
            "place~52.5,13.4<5km",
            {"geo_distance": {"distance": "5km", "place": {"lat": 52.5, "lon": 13.4}}},
        ),
        (
            "place ~ -33, -70.5 <= 1.5 mi",
            {"geo_distance": {"distance": "1.5mi", "place": {"lat": -33.0, "lon": -70.5}}},
        ),
        ('lang="a, b",c', {"terms": {"lang": ["a, b", "c"]}}),
        ('lang="say \\"hi\\""', {"term": {"lang": 'say "hi"'}}),
        ("lang=a=b", {"term": {"lang": "a=b"}}),
        ('lang="=b"', {"term": {"lang": "=b"}}),
        ("author.name=Ann", {"term": {"author.name": "Ann"}}),
        ("name=Ann", {"term": {"name.raw": "Ann"}}),
        ("tags.any.key=x", {"term": {"tags.any.key": "x"}}),
        ("_id=d1,d2", {"terms": {"_id": ["d1", "d2"]}}),
        ('lang="*"', {"term": {"lang": "*"}}),
        ("lang=*", {"exists": {"field": "lang"}}),
        ("year!=*", {"bool": {"must_not": [{"exists": {"field": "year"}}]}}),
        ("lang=e*", {"wildcard": {"lang": {"value": "e*"}}}),
        ("name=A?n", {"wildcard": {"name.raw": {"value": "A?n"}}}),
        (
            "lang=de,f?,en",
            {
                "bool": {
                    "should": [
                        {"terms": {"lang": ["de", "en"]}},
                        {"wildcard": {"lang": {"value": "f?"}}},
                    ]
                }
            },
        ),
        ("year=1902..1950", {"range": {"year": {"gte": 1902, "lte": 1950}}}),
        ("year!=1902..", {"bool": {"must_not": [{"range": {"year": {"gte": 1902}}}]}}),
        ("price=..9.5", {"range": {"price": {"lte": 9.5}}}),
        ("added=2024-05-01..now", {"range": {"added": {"gte": "2024-05-01", "lte": "now", **ISO}}}),
        ("added=2015", {"range": {"added": {"gte": "2015||/y", "lte": "2015||/y", **ISO}}}),
        ("added>2015-06", {"range": {"added": {"gt": "2015-06||/M", **ISO}}}),
        (
            "added=2014..2015-06",
            {"range": {"added": {"gte": "2014||/y", "lte": "2015-06||/M", **ISO}}},
        ),
        (
            "added=2015-06..2015",
            {"range": {"added": {"gte": "2015-06||/M", "lte": "2015||/y", **ISO}}},
        ),
        ("added<2015||+1M", {"range": {"added": {"lt": "2015||+1M", **ISO}}}),
        ("_id=a,b", {"terms": {"_id": ["a", "b"]}}),
        ('_id="a*"', {"term": {"_id": "a*"}}),
        ("lang=a..b", {"term": {"lang": "a..b"}}),
        ("seen.by=Ann", {"term": {"seen.by": "Ann"}}),
    ],
)
def test_conditions(text, query):
    assert made(text) == query


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lang", r"'lang' is no condition.*year>=2019"),
        ("=en", "is no condition"),
        ("lang=", "is no condition"),
        ("lang==en", "'lang==en' has ==, which is no comparison: use =, !="),
        ("year=>1990", "has =>, which is no comparison"),
        ("year=1902...1950", r"for a range write `where=\['year=1902\.\.1950'\]`"),
        ("year=1902-1950", r"for a range write `where=\['year=1902\.\.1950'\]`"),
        ("year=..", "no such number"),
        ("year=1950..1902", r"ends before it begins.*write year=1902\.\.1950"),
        ("added=2015-06..2015-05-31", r"write added=2015-05-31\.\.2015-06"),
        ("_id=a*", "ids know no patterns"),
        ("year=19*", r"'19\*' is no such number"),
        ("langg=en", r"no field 'langg': did you mean lang\?"),
        ("zzz=1", r"no field 'zzz': it has .*lang"),
        ("year=next", "'year' is of type long and 'next' is no such number"),
        ("year=20.5", "'20.5' is no such number"),
        ("price<nan", "no such number"),
        ("price=1e999", "no such number"),
        ("open=yes", "neither true nor false"),
        ("lang>en", "keyword, which has no order"),
        ("open>true", "boolean, which has no order"),
        ("year>1,2", "takes one value and has 2"),
        ("notes=x", "full text.*`filter="),
        ("author=Ann", r"object.*such as author\.name"),
        ("vector=1", "knn_vector, which has no single value: use `filter`"),
        ("parts.of=x", r'nested field \'parts\'.*"path": "parts", "query": {"term": {"parts.of"'),
        ("parts=x", r"nested field 'parts'"),
        ('lang="open', "cannot be read from"),
        ("host=10.0.0", "no address and no network"),
        ("host>=10.0.0.0/8", "is no address"),
        ("added>soon", "is no date"),
        ("added=2015*", r"'2015\*' is no date: write it as 2015, "),
        ("added>now-30", "is no date"),
        ("lang~52.5,13.4<5km", "of type keyword and no place"),
        ("place~91,13.4<5km", "latitude comes first"),
        ('lang="\\q"', "no JSON string"),
    ],
)
def test_conditions_that_are_wrong(text, said):
    with pytest.raises(FilterError, match=said):
        made(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"term": {"lang": }}', r"line 1, column 19, near .*: Expecting value"),
        ('{"term": {"lang": "en"}', r"line 1, column 24"),
        ('{\n"term" {}}', "line 2, column 8"),
        ("[1]", "must be one JSON object.*'\\[1\\]'"),
        ("{}", "must be one JSON object"),
        ("en", "line 1, column 1"),
        ('{"term": {"lang": "en"}, "term": {"lang": "de"}}', "the key 'term' twice"),
        ('{"bool": {"filter": {"term": {"a": 1}}, "filter": {}}}', "the key 'filter' twice"),
    ],
)
def test_a_filter_that_is_no_json_says_where(text, said):
    with pytest.raises(FilterError, match=said):
        parse_dsl(text)


@pytest.mark.parametrize(
    "dsl",
    [
        {"term": {"langg": "en"}},
        {"terms": {"langg": ["en"], "boost": 2}},
        {"exists": {"field": "langg"}},
        {"bool": {"filter": [{"term": {"lang": "en"}}, {"range": {"langg": {"gt": 1}}}]}},
        {"bool": {"must_not": {"match": {"langg": "en"}}}},
        {"constant_score": {"filter": {"prefix": {"langg": "e"}}}},
    ],
)
def test_an_unknown_field_in_query_dsl_is_seen(dsl):
    with pytest.raises(FilterError, match="no field 'langg': did you mean lang"):
        check_dsl(dsl, TYPES, "books")


@pytest.mark.parametrize(
    "dsl",
    [
        {"term": {"parts.of": "x"}},
        {"bool": {"must_not": [{"exists": {"field": "parts"}}]}},
    ],
)
def test_a_nested_field_is_named_with_its_form(dsl):
    with pytest.raises(FilterError, match=r'put it in \{"nested": \{"path": "parts"'):
        check_dsl(dsl, TYPES, "books")


def test_query_dsl_that_we_do_not_know_is_the_clusters_to_judge():
    for dsl in (
        {"script": {"script": {"source": "true"}}},
        {"nested": {"path": "parts", "query": {"term": {"parts.of": "x"}}}},
        {"term": {"seen.by": "Ann"}},
        {"exists": {"field": "lan*"}},
        {"match_all": {}},
    ):
        check_dsl(dsl, TYPES, "books")


def test_two_clauses_at_the_top_are_refused():
    with pytest.raises(FilterError, match=r"has 2 \(term, range\)"):
        check_dsl({"term": {"lang": "en"}, "range": {"year": {"gt": 1}}}, TYPES, "books")


def test_all_must_hold():
    dsl = {"term": {"lang": "en"}}
    year = {"range": {"year": {"gt": 1}}}
    assert combined_filter(None, (), TYPES, "books") is None
    assert combined_filter(dsl, (), TYPES, "books") == dsl
    assert combined_filter(None, ("year>1",), TYPES, "books") == year
    assert combined_filter(dsl, ("year>1",), TYPES, "books") == {"bool": {"filter": [dsl, year]}}


@pytest.mark.parametrize(
    ("dsl", "where", "said"),
    [
        ({"term": {"lang": "\ud800"}}, (), r"'\\ud800' is no text"),
        ({"bool": {"filter": [{"terms": {"lang": ["a", "\udcff"]}}]}}, (), r"'\\udcff' is no text"),
        ({"term": {"\ud800": "a"}}, (), r"'\\ud800' is no text"),
        (None, ('lang="\\ud800"',), r"'\\ud800' is no text"),
        ({"range": {"price": {"gt": float("nan")}}}, (), "number nan, which JSON lacks"),
        ({"range": {"price": {"lt": float("inf")}}}, (), "number inf, which JSON lacks"),
    ],
)
def test_what_json_cannot_hold_is_refused(dsl, where, said):
    with pytest.raises(FilterError, match=said):
        combined_filter(dsl, where, TYPES, "books")


def test_numbers_in_json_that_are_none():
    for number in ("NaN", "-Infinity", "1e999"):
        dsl = parse_dsl(f'{{"range": {{"price": {{"gt": {number}}}}}}}')
        with pytest.raises(FilterError, match="which JSON lacks"):
            combined_filter(dsl, (), TYPES, "books")


def test_a_whole_request_and_what_is_no_dict():
    with pytest.raises(FilterError, match='leave out the outer "query"'):
        check_dsl({"query": {"term": {"lang": "en"}}}, TYPES, "books")
    with pytest.raises(FilterError, match="'lang=en' and must be a dict"):
        check_dsl("lang=en", TYPES, "books")


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**200])
def test_whole_numbers_beyond_64_bits_are_one_sentence(number):
    types = target().types
    said = f"a whole number of {number.bit_length()} bits, and 64 is the most"
    for dsl in ({"range": {"year": {"lt": number}}}, {"term": {"price": number}}):
        with pytest.raises(FilterError, match=said):
            combined_filter(dsl, (), types, "books")
    with pytest.raises(FilterError, match="is not from -9,223,372,036,854,775,808 to"):
        combined_filter(None, [f"year>={number}"], types, "books")


@pytest.mark.parametrize(
    ("kind", "least", "most"),
    [("byte", -128, 127), ("integer", -(2**31), 2**31 - 1), ("unsigned_long", 0, 2**64 - 1)],
)
def test_whole_numbers_that_no_field_of_a_type_has_are_one_sentence(kind, least, most):
    types = {"n": kind}
    for near, beyond in ((least, least - 1), (most, most + 1)):
        dsls = ({"terms": {"n": [near]}}, {"term": {"n": {"value": near, "boost": 500}}})
        for each in (*dsls, {"range": {"n": {"gte": near}}}):
            assert combined_filter(each, (), types, "books") == each
        assert combined_filter(None, [f"n={near}", f"n>={near}"], types, "books")
        for said in (f"n={beyond}", f"n<{beyond}", f"n={beyond}.."):
            with pytest.raises(FilterError, match=rf"type {kind} and {beyond} is not from "):
                combined_filter(None, [said], types, "books")
        if abs(beyond) < 2**63:
            with pytest.raises(FilterError, match=rf"the filter's {beyond} of 'n' is not from"):
                combined_filter({"terms": {"n": [near, beyond]}}, (), types, "books")


@pytest.mark.parametrize("deep", [MOST_DEEP, MOST_DEEP + 1, 5_000])
def test_a_filter_may_be_nested_only_so_deep(deep):
    text = '{"not":' * (deep - 1) + '{"term": 1}' + "}" * (deep - 1)
    if deep <= MOST_DEEP:
        made = combined_filter(parse_dsl(text), (), {}, "books")
        assert json.loads(dumps(made)) == json.loads(text)
        return
    with pytest.raises(FilterError, match="within each other, and 100 are the most"):
        combined_filter(parse_dsl(text), (), {}, "books")
