"""Hits of one document taken together."""

from query.answer.hits import collapsed


def test_collapsing_nothing():
    assert collapsed([], "document_id") == []
