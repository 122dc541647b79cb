"""Which fields' values are counted, where more are meant than can be."""

import pytest

from query import QueryError
from query.body.facets import MOST_FACETS, facet_fields
from query.question import Question
from query.target import read_target
from tests.unit.query.targets import OPENSEARCH, described, planned

NAMES = [f"k{n:02}" for n in range(MOST_FACETS + 10)]


def wide():
    """An index of more fields of keywords than are counted at once."""
    body = described()
    body["mappings"]["properties"] |= {name: {"type": "keyword"} for name in NAMES}
    return read_target("books", {"books": body})


def test_a_pattern_means_as_many_as_can_be_counted_and_says_so():
    found, notes = facet_fields(["k*", "year", NAMES[-1]], wide())
    assert list(found) == [*NAMES[: MOST_FACETS - 2], NAMES[-1], "year"]
    (note,) = notes
    assert f"of {MOST_FACETS} of the {len(NAMES) + 1} fields" in note
    asked = Question("a", mode="bm25", facets=["*"])
    assert any(
        "fields that are asked for" in n for n in planned(asked, wide(), OPENSEARCH, None).notes
    )
    assert facet_fields(["k0*"], wide())[1] == ()


def test_names_in_full_are_never_left_out():
    with pytest.raises(QueryError, match=f"{len(NAMES)} fields are to be counted"):
        facet_fields(NAMES, wide())
