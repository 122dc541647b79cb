"""Which words of a text matched."""

from query.body.words.bm25 import highlight_body, highlights
from tests.unit.query.targets import target


def test_highlights_are_pieces_whatever_the_text_says():
    body = highlight_body({"match_all": {}}, target())
    (opening,), (closing,) = body["pre_tags"], body["post_tags"]
    assert set(body["fields"]) == {"text", "title"}
    text = f"[bold]<em> {opening}cat{closing} and {opening}dog{closing}"
    found = highlights({"highlight": {"text": [text, "no match"]}})
    assert found["text"] == [
        [("[bold]<em> ", False), ("cat", True), (" and ", False), ("dog", True)],
        [("no match", False)],
    ]
    assert highlights({}) == {}
