"""Indexes of which a part is on no node: a search says so, whoever fuses."""

import json

import pytest

from cluster import UnreachableError
from query import Searcher, Tuning
from tests.support.commands import tandem
from tests.support.red import partly_red, red
from tests.support.searches import corpus, encoder, loaded

MODES = ("bm25", "knn", "hybrid")
MISSING = "1 of 3 shards are on no node that answers"


@pytest.fixture(scope="module")
def books(opensearch):
    with partly_red(opensearch, corpus()) as name:
        yield name


@pytest.mark.parametrize("explain", [False, True])
@pytest.mark.parametrize("place", ["server", "client"])
@pytest.mark.parametrize("mode", MODES)
def test_a_missing_shard_is_told(opensearch, books, mode, place, explain):
    options = {"tuning": Tuning(place=place), "explain": explain}
    with Searcher(opensearch, books, encoder=encoder()) as searcher:
        result = searcher.search("of the capital", mode=mode, k=10, **options)
        (answer,) = searcher.search_many([("q", "of the capital")], mode=mode, k=10, **options)
    assert len(result) == 10
    assert result.partial.startswith("1 of 3 shards")
    assert answer.result.partial == result.partial


def test_a_missing_index_of_an_alias_is_told(opensearch, index_name):
    with red(opensearch) as missing, loaded(opensearch, corpus()) as there:
        for name in (missing, there):
            opensearch.client.indices.put_alias(index=name, name=index_name)
        with Searcher(opensearch, index_name, encoder=encoder()) as searcher:
            for mode in MODES:
                result = searcher.search("of the capital", mode=mode, k=10)
                assert len(result) == 10
                assert "1 of 2 shards" in result.partial


def test_nothing_but_missing_shards_is_an_error(opensearch):
    with red(opensearch) as name, Searcher(opensearch, name, encoder=encoder()) as searcher:
        for mode in MODES:
            with pytest.raises(UnreachableError, match=r"not able.*all shards failed"):
                searcher.search("of the capital", mode=mode)


def test_the_command_ends_with_3_and_says_why(opensearch, books, tmp_path):
    words = ("--index", books, "--mode", "bm25", "--url", opensearch.url)
    done = tandem("search", "capital", *words, "--json")
    assert done.code == 3
    assert json.loads(done.out)["partial"].startswith(MISSING)
    queries = tmp_path / "queries.jsonl"
    queries.write_text('{"_id": "1", "text": "capital"}\n')
    done = tandem("search", "--queries", queries, "--run", tmp_path / "run.trec", *words)
    assert done.code == 3
    assert f"Query 1 is incomplete: {MISSING}" in done.err
