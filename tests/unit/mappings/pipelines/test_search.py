"""The settings of searches that an index remembers."""

import pytest

from mappings import Fusion, MappingError, SearchSettings, read_search
from mappings.pipelines.search import SEARCH

RECORD = {"tandem": {"format": 1}}


@pytest.mark.parametrize(
    "settings",
    [
        SearchSettings(),
        SearchSettings(depth=50),
        SearchSettings(Fusion(technique="rrf", rank_constant=10), 200, ("text", "title^2")),
        SearchSettings(Fusion(weights=(0.4, 0.6))),
    ],
)
def test_they_are_read_as_they_were_written(settings):
    assert read_search({"_meta": {**RECORD, SEARCH: settings.to_meta()}}, "books") == settings


@pytest.mark.parametrize(
    "damage",
    [
        {"depth": 0},
        {"fields": "text"},
        {"fusion": {"technique": "none"}},
        {"fusion": {"weights": [0.9, 0.9]}},
        {"surprise": 1},
        [],
    ],
)
def test_damage_is_told_with_its_cure(damage):
    with pytest.raises(MappingError, match=r"'books' .* remove them with `remove_search_settings"):
        read_search({"_meta": {**RECORD, SEARCH: damage}}, "books")


def test_an_index_without_them_has_none():
    assert read_search({}, "books") is None
    # Without the record it is its owner's, whatever it is.
    assert read_search({"_meta": {SEARCH: "by Paul"}}, "books") is None
    assert read_search({"_meta": {"tandem": {}}}, "books") is None
