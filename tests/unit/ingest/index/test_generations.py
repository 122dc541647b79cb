"""Which older indexes of an alias go, by what their cluster tells of them."""

import pytest

from ingest.index.aliases.generations import older
from mappings import EncoderRecord, Generation, IndexRecord, Shape, index_body

ALIAS = "books"


def filled(name, **settings):
    """An index that was filled for the alias."""
    record = IndexRecord(EncoderRecord("m", "f", 8, {}), generation=Generation(ALIAS, name))
    mappings = index_body(record, Shape())["mappings"]
    return {"aliases": {}, "mappings": mappings, "settings": {"index": settings}}


@pytest.mark.parametrize("before", [None, 3000])
def test_an_index_whose_time_is_not_told_is_not_called_older(before):
    found = {
        "books-1": filled("books-1", creation_date="1000"),
        "books-2": filled("books-2"),
        "books-3": filled("books-3", creation_date="2000"),
    }
    assert older(found, ALIAS, live=(), before=before, keep=0).gone == ("books-1", "books-3")
    assert older(found, ALIAS, live=(), before=before, keep=1).gone == ("books-1",)
    assert older(found, ALIAS, live=(), before=before, keep=None).gone == ()


def test_an_index_that_an_alias_named_like_a_lease_serves_stays():
    """Hidden is what is loaded through; another of such a name is what somebody searches."""
    served = filled("books-1", creation_date="1000")
    served["aliases"] = {"books-1-loading-0123456789abcdef": {}}
    left = filled("books-2", creation_date="2000")
    left["aliases"] = {"books-2-loading-0123456789abcdef": {"is_hidden": True}}
    found = {"books-1": served, "books-2": left}
    assert older(found, ALIAS, live=(), before=3000, keep=0).gone == ("books-2",)
