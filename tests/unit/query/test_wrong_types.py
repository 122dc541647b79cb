"""What Python programs give by mistake, told in one sentence and before anything is asked."""

from collections import namedtuple
from dataclasses import fields
from decimal import Decimal
from typing import get_args, get_type_hints

import numpy as np
import pytest
from opensearchpy import OpenSearch

from mappings import MappingError, Shape
from query import AsyncSearcher, Bm25, Fusion, Knn, QueryError, Rerank, Searcher, Tuning
from query.body.filters.dsl import combined_filter
from query.question import MODES, Mode, Question, SearchOptions
from query.search.many import batches
from tandem import TandemError
from tests.support.stubs import StubEncoder, WordScorer
from tests.unit.cluster.fakes import serving
from tests.unit.query.search.test_flow import searching


def raised(found):
    """Raise what is wrong with the queries of a file, which comes in its place in their order."""
    raise next(iter(found))


Reached = namedtuple("Reached", "capabilities async_client", defaults=(None, lambda: None))
LIKE = Question("text")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda: Question("a", filtr={}), r"a search has no option 'filtr': did you mean filter\?"),
        (lambda: Question("a", xyz=3), "a search has no option 'xyz': it has text, mode, k, "),
        (lambda: Question(["a", "b"]), r"the query is \['a', 'b'\]: give a text, and several to"),
        (lambda: Question("a", where="lang=en"), "`where` is 'lang=en': give a list of texts"),
        (lambda: Question("a", where=[1]), "`where` has 1 at position 0"),
        (lambda: Question("a", tuning=Fusion()), r"`tuning` is of type .*Fusion: give Tuning\("),
        (lambda: Question("a", k="10"), "`k` is '10': give a whole number"),
        (lambda: Tuning(fusion="rrf"), r"`fusion` is 'rrf': give Fusion\("),
        (lambda: Tuning(deph=3), r"Tuning has no option 'deph': did you mean depth\?"),
        (lambda: Bm25(fields="title"), "`fields` is 'title': give a list of texts"),
        (lambda: Bm25(phrase_boost="2"), "`phrase_boost` is '2': give a number"),
        (lambda: Knn(ef=100), r"Knn has no option 'ef'"),
        (lambda: Knn(ef_search=True), "`ef_search` is True: give a whole number"),
        (lambda: Knn(min_cosine="0.5"), "`min_cosine` is '0.5': give a number"),
        (lambda: Rerank("my-model"), r"`model` is 'my-model': give CrossEncoder.load\("),
        (lambda: Fusion(weights="0.3,0.7"), "`weights` is '0.3,0.7': give a list of numbers"),
        (
            lambda: Fusion(weights=("1", "0")),
            "`weights` has '1' at position 0: give a list of numbers",
        ),
        (lambda: Fusion(technic="rrf"), r"Fusion has no option 'technic': did you mean technique"),
        (lambda: Shape(shards="3"), "`shards` is '3': give a whole number"),
        (lambda: Shape(replica=0), r"Shape has no option 'replica': did you mean replicas"),
        (
            lambda: raised(batches("some text", 3, LIKE)),
            "a query is 's': give pairs of an id and a text",
        ),
        (
            lambda: raised(batches(["ab", "cd"], 3, LIKE)),
            "a query is 'ab': give pairs of an id and a text",
        ),
        (lambda: raised(batches([(None, "a")], 3, LIKE)), "the id of a query is None: give pairs"),
    ],
)
def test_a_wrong_option_or_type_is_one_sentence(wrong, told):
    with pytest.raises((QueryError, MappingError), match=told) as caught:
        wrong()
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, TandemError)


@pytest.mark.parametrize("kind", [Searcher, AsyncSearcher])
def test_a_client_is_no_cluster_and_a_name_is_no_encoder(kind):
    with OpenSearch() as client, pytest.raises(QueryError, match=r"opensearchpy.*connect\(url\)"):
        kind(client, "books")
    with pytest.raises(QueryError, match=r"`encoder` is 'my-model': give Encoder.load\("):
        kind(Reached(), "books", encoder="my-model")
    with pytest.raises(QueryError, match=r"has no option 'encodr': did you mean encoder\?"):
        kind(Reached(), "books", encodr=None)
    with pytest.raises(QueryError, match="`index` has 3 at position 1"):
        kind(Reached(), ["books", 3])


def test_queries_that_are_no_list_are_told_when_they_are_given():
    with searching(StubEncoder(dim=3)) as (searcher, asked):
        before = len(asked)
        for wrong in ("a text", {"q1": "a"}, 3, None):
            with pytest.raises(QueryError, match=r"queries is .*: give pairs of an id and a text"):
                searcher.search_many(wrong)
        with pytest.raises(QueryError, match=r"`rerank` is .*WordScorer: give Rerank"):
            searcher.search("a", rerank=WordScorer())
        for wrong in ("abc", ["a"], 3):
            with pytest.raises(QueryError, match="vector"):
                searcher.search("a", vector=wrong)
        assert len(asked) == before


TYPES = {"lang": "keyword", "year": "integer"}


@pytest.mark.parametrize("value", [{"en", "de"}, Decimal("2019"), object(), b"en"])
def test_what_json_lacks_is_told_in_a_filter(value):
    with pytest.raises(QueryError, match=r"the filter has .*, which JSON lacks: give a list"):
        combined_filter({"term": {"lang": value}}, (), TYPES, "books")


def test_what_can_serve_serves():
    assert combined_filter({}, (), TYPES, "books") is None
    assert Question("a", filter={}, where=None).where == ()
    assert Bm25(fields=iter(["title", "text^2"])).fields == ("title", "text^2")
    assert Bm25(fields=np.array(["title"])).fields == ("title",)
    for weights in ([0, 1], (0, 1), np.array([0, 1]), np.float32([0, 1]), iter([0, 1])):
        found = Fusion(weights=weights).effective_weights
        assert found == (0.0, 1.0)
        assert {type(each) for each in found} <= {int, float}
    assert type(Question("a", k=np.int64(3)).k) is int
    assert type(Knn(oversample=np.float32(2)).oversample) is float
    assert type(Shape(m=np.int32(24)).m) is int
    ((first, second),) = batches(enumerate(["a", "b"], start=1), 2, LIKE)
    assert (first.id, second.text) == ("1", "b")


def test_a_list_of_names_is_searched_together():
    from cluster import connect
    from tests.unit.tandem.commands.test_missing import WELL

    with serving(WELL) as (url, asked), connect(url) as cluster:
        with pytest.raises(TandemError):
            Searcher(cluster, ["books", "papers"]).search("bees", mode="bm25")
        assert any(each.path.startswith("/books,papers") for each in asked)


def test_the_options_of_a_search_are_those_of_a_question():
    assert set(get_type_hints(SearchOptions)) == {each.name for each in fields(Question)} - {"text"}
    assert set(get_args(Mode)) == set(MODES)
