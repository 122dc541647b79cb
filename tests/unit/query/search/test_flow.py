"""What a search asks a cluster for, seen by a server that gives prepared answers."""

import asyncio
import contextlib
import threading

import numpy as np
import pytest

from cluster import ClusterError, UnreachableError, connect
from query import AsyncSearcher, QueryError, Searcher, TargetError
from query.body.filters.doubtful import doubts_of
from query.body.filters.dsl import combined_filter
from query.question import Query, Question
from query.search.many import batches
from tests.support.stubs import StubEncoder
from tests.unit.cluster.fakes import error, serving
from tests.unit.query.targets import described, target

ROOT = (200, {"version": {"number": "3.6.0", "distribution": "opensearch"}})
PLUGINS = (200, [{"component": "opensearch-knn"}, {"component": "opensearch-neural-search"}])


def answer(*names, index="books"):
    hits = [
        {"_index": index, "_id": name, "_score": 0.75, "_source": {"text": name}} for name in names
    ]
    return (
        200,
        {
            "took": 1,
            "timed_out": False,
            "_shards": {"total": 1, "successful": 1},
            "hits": {"hits": hits},
        },
    )


def answers(**changes):
    return {
        "/": ROOT,
        "/_cat/plugins": PLUGINS,
        "/books": (200, {"books": described(number_of_replicas="0")}),
        "/books/_search": answer("a"),
    } | changes


def asked(seen):
    return [each.path for each in seen if each.path.startswith("/books")]


def encoder():
    return StubEncoder(dim=3)


@contextlib.contextmanager
def searching(by=None, **changes):
    """A Searcher of the prepared server, and the requests that the server saw."""
    with (
        serving(answers(**changes)) as (url, seen),
        connect(url) as cluster,
        Searcher(cluster, "books", encoder=by) as searcher,
    ):
        yield searcher, seen


def test_the_index_is_described_once_and_then_each_search_is_one_request():
    with searching(encoder()) as (searcher, seen):
        for mode in ("knn", "bm25", "hybrid"):
            assert [hit.id for hit in searcher.search("x", mode=mode)] == ["a"]
    assert asked(seen) == ["/books", "/books/_search", "/books/_search", "/books/_search"]


class Counted(dict):
    """A filter that counts how often somebody looks through it."""

    reads = 0

    def items(self):
        self.reads += 1
        return super().items()


def test_a_question_is_read_once_whatever_is_searched_for_it():
    by_hand = Counted(term={"lang": "en"})
    combined_filter(by_hand, (), target().types, "books")
    doubts_of(by_hand, target().types)
    for mode in ("knn", "bm25", "hybrid"):
        asked_for = Counted(term={"lang": "en"})
        with searching(encoder()) as (searcher, _):
            searcher.search("x", mode=mode, filter=asked_for)
        assert asked_for.reads == by_hand.reads

    full = answer(*(f"a#{n}" for n in range(100)))
    for hit in full[1]["hits"]["hits"]:
        hit["_source"]["document_id"] = "a"
    asked_for = Counted(term={"lang": "en"})
    with searching(encoder(), **{"/books/_search": full}) as (searcher, seen):
        searcher.search("x", mode="knn", collapse=True, filter=asked_for)
        assert len(asked(seen)) == 3  # the description, a search, and a deeper one
    assert asked_for.reads == by_hand.reads

    asked_for = Counted(term={"lang": "en"})
    several = (200, {"responses": [answer("a")[1]] * 3})
    with searching(encoder(), **{"/_msearch": several}) as (searcher, _):
        options = {"mode": "knn", "filter": asked_for}
        found = list(searcher.search_many([("1", "x"), ("2", "y"), ("3", "z")], **options))
    assert [each.error for each in found] == [None] * 3
    assert asked_for.reads == by_hand.reads


def test_a_user_who_may_not_read_settings_searches_with_their_defaults():
    forbidden = error("security_exception", "no permissions for [indices:admin/get]", 403)
    mapping = (200, {"books": {"mappings": described()["mappings"]}})
    prepared = {"/books": forbidden, "/books/_mapping": mapping}
    with searching(encoder(), **prepared) as (searcher, seen):
        assert len(searcher.search("x", mode="hybrid")) == 1
    assert asked(seen) == ["/books", "/books/_mapping", "/books/_search"]


def test_a_cluster_that_is_overloaded_is_not_asked_twice():
    full = error("rejected_execution_exception", "queue is full", 429)
    with searching(encoder(), **{"/books/_search": full}) as (searcher, seen):
        for _ in range(2):
            with pytest.raises(ClusterError, match="overloaded"):
                searcher.search("x", mode="knn")
    assert asked(seen) == ["/books", "/books/_search", "/books/_search"]


def test_a_refusal_makes_it_look_at_the_index_again_once():
    refused = error("illegal_argument_exception", "dimension", 400)
    with searching(encoder(), **{"/books/_search": refused}) as (searcher, seen):
        for _ in range(2):
            with pytest.raises(ClusterError, match="dimension"):
                searcher.search("x", mode="knn")
    first, again = ["/books", "/books/_search"], ["/books/_search", "/books", "/books/_search"]
    assert asked(seen) == first + again


def test_an_encoder_is_not_asked_where_the_index_cannot_be_searched_by_it():
    bare = {"mappings": {"properties": {"text": {"type": "text"}}}, "settings": {"index": {}}}
    stub = encoder()
    with (
        searching(stub, **{"/books": (200, {"books": bare})}) as (searcher, _),
        pytest.raises(TargetError, match="no field of vectors"),
    ):
        searcher.search("x", mode="knn")
    assert stub.asked == []


def test_a_cluster_that_goes_away_is_one_sentence_in_both_worlds():
    with serving(answers()) as (url, _), connect(url) as cluster:
        searcher = Searcher(cluster, "books", encoder=encoder())
        searcher.search("x", mode="knn")

    async def search():
        async with AsyncSearcher(cluster, "books", encoder=encoder()) as other:
            await other.search("x", mode="knn")

    for attempt in (lambda: searcher.search("x", mode="knn"), lambda: asyncio.run(search())):
        with pytest.raises(UnreachableError, match="nothing listens at"):
            attempt()


def test_a_given_vector_needs_no_encoder():
    with searching() as (searcher, _):
        vector = np.array([1, 0, 0], dtype=np.float32)
        assert len(searcher.search("x", mode="hybrid", vector=vector)) == 1


def test_an_answer_that_is_no_json_is_one_sentence():
    with (
        searching(encoder(), **{"/books/_search": (200, b"<html>")}) as (searcher, _),
        pytest.raises(UnreachableError, match=r"gives no such answer.*but '<html>'.*`url`"),
    ):
        searcher.search("x", mode="knn")


def test_a_given_vector_may_be_a_list_or_a_column():
    columns = np.eye(3)
    with searching() as (searcher, _):
        for vector in ([1.0, 0.0, 0.0], columns[:, 1]):
            assert len(searcher.search("x", mode="knn", vector=vector)) == 1


def test_half_a_character_in_one_of_many_queries_is_told_by_its_id():
    hits = answer("a")[1]
    with searching(encoder(), **{"/_msearch": (200, {"responses": [hits, hits]})}) as (searcher, _):
        asked = [("1", "x"), ("2", "\ud800"), ("3", "y")]
        found = list(searcher.search_many(asked, mode="knn"))
    assert [each.query.id for each in found] == ["1", "2", "3"]
    assert [each.error is None for each in found] == [True, False, True]
    assert "is no text" in found[1].error


def test_what_was_asked_before_its_source_failed_is_answered_first():
    def queries():
        yield ("1", "a")
        yield ("2", "b")
        yield ("3", "c")
        raise KeyError("lost")

    hits = answer("a")[1]
    prepared = {"/_msearch": (200, {"responses": [hits, hits]})}
    found = []
    with searching(encoder(), **prepared) as (searcher, _):

        def ask_here():
            for each in searcher.search_many(queries(), mode="knn", batch=2):
                found.append(each)

        with pytest.raises(KeyError, match="lost"):
            ask_here()
        assert [each.query.id for each in found] == ["1", "2", "3"]

        async def ask():
            async with AsyncSearcher(searcher._cluster, "books", encoder=encoder()) as other:
                async for each in other.search_many(queries(), mode="knn", batch=2):
                    found.append(each)

        with pytest.raises(KeyError, match="lost"):
            asyncio.run(ask())
    assert len(found) == 6


@pytest.mark.parametrize("batch", [0, -1, 2.5])
def test_a_batch_that_holds_no_query(batch):
    with searching(encoder()) as (searcher, _), pytest.raises(QueryError, match=r"batch`? is"):
        next(searcher.search_many([("1", "a")], mode="knn", batch=batch))


@pytest.mark.parametrize(
    ("k", "sizes"), [(10, [128, 12]), (250, [128, 12]), (1000, [32] * 4 + [12])]
)
def test_a_request_holds_many_queries_and_fewer_where_each_gives_many_hits(k, sizes):
    asked = [Query(str(n), "wool") for n in range(140)]
    like = Question("text", mode="knn", k=k)
    assert [len(each) for each in batches(asked, None, like)] == sizes
    assert [len(each) for each in batches(asked, 100, like)] == [100, 40]


def test_a_query_that_takes_too_long_costs_itself_alone():
    done = threading.Event()

    def answering(many):
        def made(body):
            if b"slow" in body:
                done.wait(60)
            found = answer("a")[1]
            return (
                200,
                {"took": 1, "responses": [found] * body.count(b'"query"')} if many else found,
            )

        return made

    prepared = answers(**{"/_msearch": answering(True), "/books/_search": answering(False)})
    with (
        serving(prepared) as (url, seen),
        connect(url, timeout=5) as cluster,
        Searcher(cluster, "books") as searcher,
    ):
        queries = [("1", "quick"), ("2", "slow"), ("3", "quick")]
        found = list(searcher.search_many(queries, mode="bm25"))
        done.set()
    assert [len(each.result or ()) for each in found] == [1, 0, 1]
    assert "did not answer in time" in found[1].error
    assert [path.split("?")[0] for path in asked(seen)].count("/books/_search") == 3
