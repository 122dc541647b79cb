"""Sentences of the rooms as the service says them: in the words of a request."""

import pytest

from tandem.service.door.wording import FIELDS, in_requests
from tandem.service.routes.search_request import SearchRequest


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rerank at least 30 (`Rerank.depth`).", "rerank at least 30 (`rerank_depth`)."),
        ("ask for `depth=400` at most.", "ask for `depth=400` at most."),
        ("write `place='client'`.", "write `fusion_at='client'`."),
        ("name one by `Knn.field`.", "name one by `vector_field`."),
        ("give it vectors with `enrich(cluster, 'books', encoder)`.", "`tandem enrich books --mod"),
        ("so run the same command again.", "so send the same request again."),
    ],
)
def test_fields_of_requests_and_commands_stand_for_what_python_calls(text, said):
    assert said in in_requests(text)
    assert in_requests(in_requests(text)) == in_requests(text)


def test_each_field_is_one_of_a_request():
    assert set(FIELDS.values()) <= set(SearchRequest.model_fields)


def test_of_a_very_long_text_both_ends_are_told():
    said = in_requests(f"'{'x' * 1_000_000}' is no number: give one.")
    assert len(said) < 2_000
    assert (said[:2], said[-30:]) == ("'x", "xxxxx' is no number: give one."[-30:])
