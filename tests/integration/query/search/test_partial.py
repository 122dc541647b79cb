"""Shards that fail and searches that run out of time, for real: never shown as complete."""

import re

import pytest

from query import Searcher, Tuning
from tests.support.searches import corpus, encoder, loaded

THROWS = "throw new IllegalArgumentException('boom')"
FAILS = f"if (doc['document_id'].value == 'geo-001') {{ {THROWS} }} return true"
# The cluster looks at a coarse clock: a search must take a few tenths of a second to be cut.
TAKES_LONG = "double x = 0; for (int i = 0; i < 300000; i++) { x += Math.sin(i) } return x < 9999"
MODES = ("bm25", "knn", "hybrid")


def script(source):
    return {"script": {"script": {"source": source}}}


@pytest.fixture(scope="module")
def books(opensearch):
    with loaded(opensearch, corpus(), shards=3) as name:
        yield name


@pytest.mark.parametrize("place", ["server", "client"])
@pytest.mark.parametrize("mode", MODES)
def test_a_failing_shard(opensearch, books, mode, place):
    tuning = Tuning(place=place)
    fails = script(FAILS)
    with Searcher(opensearch, books, encoder=encoder()) as searcher:
        result = searcher.search("of the capital", mode=mode, k=10, filter=fails, tuning=tuning)
        (answer,) = searcher.search_many(
            [("q", "of the capital")], mode=mode, k=10, filter=fails, tuning=tuning
        )
    assert len(result) == 10
    assert re.search(r"^1 of 3 shards failed \(.*boom\)$", result.partial)
    assert "geo-001" not in {hit.id for hit in result}
    assert answer.result.partial == result.partial


@pytest.mark.parametrize("mode", MODES)
def test_a_search_that_the_cluster_cuts_short(opensearch, books, mode):
    limit = {"transient": {"search.default_search_timeout": "1ms"}}
    opensearch.client.cluster.put_settings(body=limit)
    try:
        with Searcher(opensearch, books, encoder=encoder()) as searcher:
            result = searcher.search("of the capital", mode=mode, k=10, filter=script(TAKES_LONG))
        assert "search timeout" in result.partial
    finally:
        limit["transient"]["search.default_search_timeout"] = None
        opensearch.client.cluster.put_settings(body=limit)


def test_all_shards_failing_is_an_error(opensearch, books):
    fails = script(THROWS)
    with Searcher(opensearch, books, encoder=encoder()) as searcher:
        for mode in MODES:
            with pytest.raises(Exception, match="runtime error"):
                searcher.search("of the capital", mode=mode, filter=fails)
