"""Indexes that others made: what is searched, shown and reranked, and what is said of it."""

import json

import pytest

from query import Roles, Searcher, TargetError
from tests.support.commands import tandem

BODY = "How sheep are shorn in spring, and what becomes of the wool."
DOCUMENTS = [
    {"title": "Wool", "body": BODY, "isbn": "0-306-40615-2", "author": "A. Shepherd"},
    {"title": "The Beekeeper", "body": "A detective retires and keeps bees in a quiet village."},
]


@pytest.fixture(params=["opensearch", "elasticsearch"])
def cluster(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def theirs(cluster, index_name):
    """An index as people make them, without Tandem and without vectors."""
    properties = {name: {"type": "text"} for name in ("title", "body", "author")}
    properties["isbn"] = {"type": "keyword"}
    cluster.client.indices.create(index=index_name, body={"mappings": {"properties": properties}})
    for number, document in enumerate(DOCUMENTS):
        cluster.client.index(index=index_name, id=str(number), body=document, refresh=True)
    return index_name


def test_title_and_body_are_searched_and_the_body_is_shown(cluster, theirs):
    with Searcher(cluster, theirs) as searcher:
        for words in ("sheep", "beekeeper", "shepherd"):
            assert len(searcher.search(words, mode="bm25")) == 1
        (hit,) = found = searcher.search("shorn", mode="bm25")
    assert (hit.text, hit.title) == (BODY, "Wool")
    assert "text is taken from 'body'" in found.notes[0]


def test_the_user_says_what_is_what(cluster, theirs):
    with Searcher(cluster, theirs, roles=Roles(text="author", title="isbn")) as searcher:
        (hit,) = found = searcher.search("sheep", mode="bm25")
    assert (hit.text, hit.title, found.notes) == ("A. Shepherd", "0-306-40615-2", ())
    with (
        Searcher(cluster, theirs, roles=Roles(text="bodi")) as searcher,
        pytest.raises(TargetError, match="did you mean body"),
    ):
        searcher.search("sheep", mode="bm25")


def test_by_the_command_line(cluster, theirs):
    words = ("search", "sheep", "--index", theirs, "--mode", "bm25", "--json")
    done = tandem(*words, TANDEM_URL=cluster.url)
    assert done.code == 0, done.err
    assert json.loads(done.out)["hits"][0]["text"] == BODY
    done = tandem(*words, "--text-field", "author", TANDEM_URL=cluster.url)
    assert json.loads(done.out)["hits"][0]["text"] == "A. Shepherd"
