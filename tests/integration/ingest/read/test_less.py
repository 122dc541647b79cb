"""Documents with less than most: found all the same, and the same command again changes nothing."""

import pytest

from ingest import Plan, Reading, SourceError
from ingest.read.fields import content_id
from query import Searcher
from tests.support.loads import ingested, stored
from tests.support.stubs import StubEncoder

LONG = "https://example.org/" + "x" * 600


def test_titles_alone_lists_and_long_ids(either, index_name):
    rows = [
        {"id": "alone", "title": "Compilers for small machines", "text": ""},
        {"id": "list", "title": 1984, "text": ["One sentence.", "Another about looms."]},
        {"id": LONG, "text": "An address for an id."},
    ]
    encoder, plan = StubEncoder(), Plan(reading=Reading(hash_long_ids=True))
    given = {"cluster": either, "index": index_name, "encoder": encoder, "plan": plan}
    assert ingested(rows, **given).written == 3
    assert set(encoder.encoded) == {
        "Compilers for small machines",
        "1984\nOne sentence.\nAnother about looms.",
        "An address for an id.",
    }
    held = stored(either, index_name)
    assert held[content_id(LONG)]["original_id"] == LONG
    assert (held["alone"]["text"], held["alone"]["title"]) == ("", rows[0]["title"])
    searcher = Searcher(either, index_name, encoder=encoder)
    (hit,) = searcher.search("compilers", mode="bm25")
    assert (hit.id, hit.text, hit.title) == ("alone", "", rows[0]["title"])
    assert [each.id for each in searcher.search("looms", mode="bm25")] == ["list"]
    assert searcher.search("Compilers for small machines", mode="knn")[0].id == "alone"
    assert ingested(rows, **given).skipped == 3


def test_a_wrong_name_for_the_text_is_told_and_leaves_no_index(opensearch, index_name):
    rows = [{"id": n, "title": "A title", "abstract": "A text of some words."} for n in range(3)]
    with pytest.raises(SourceError, match="maybe 'abstract'"):
        ingested(rows, cluster=opensearch, index=index_name, encoder=StubEncoder())
    assert not opensearch.client.indices.exists(index=index_name)
