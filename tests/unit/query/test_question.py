"""What can be asked: numbers in their range, and texts that are some."""

import numpy as np
import pytest

from query.body.words.bm25 import search_fields
from query.errors import QueryError, TextError
from query.question import Bm25, Knn, Question, Tuning
from query.search.many import batches
from query.search.query_vectors import VectorCache
from query.search.steps import Rerank
from tests.support.stubs import WordScorer
from tests.unit.query.targets import target

NAN, INF = float("nan"), float("inf")
LIKE = Question("text")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Question(""), "the query is empty"),
        (lambda: Question(" \n"), "the query is empty"),
        (lambda: Question("cat \udcff"), r"the query 'cat \\udcff' is no text"),
        (lambda: Question("a", mode="both"), "unknown mode 'both': use hybrid, knn, bm25"),
        (lambda: Question(None), "the query is None: give a text"),
        (lambda: Question("a", k=2.5), r"`k` is 2\.5: give a whole number"),
        (lambda: Question("a", k=True), "`k` is True: give a whole number"),
        (lambda: Question("a", k="10"), "`k` is '10': give a whole number"),
        (lambda: Question("a", start=1.0), r"`start` is 1\.0: give a whole"),
        (lambda: Tuning(depth=1e3), r"`depth` is 1000\.0: give a whole"),
        (lambda: Bm25(minimum_should_match="abc"), "'abc' is not how many words.*75%"),
        (lambda: Bm25(minimum_should_match="2<abc"), "is not how many words"),
        (lambda: Question("a", k=0), "k is 0 and must be from 1 to 10,000"),
        (lambda: Question("a", k=100_000), "k is 100,000 and must be from 1 to 10,000"),
        (lambda: Question("a", start=-1), "start is -1"),
        (lambda: Question("a", where="lang=en"), "`where` is 'lang=en': give a list"),
        (lambda: Tuning(depth=0), "the depth is 0"),
        (lambda: Tuning(place="there"), "unknown place 'there' of fusion"),
        (lambda: Tuning(place="client", pipeline="p"), "'p' fuses on the server"),
        (lambda: Bm25(operator="xor"), "unknown operator 'xor'"),
        (lambda: Bm25(fuzziness="banana"), "'banana' is not how many letters"),
        (lambda: Bm25(fuzziness="3"), "write AUTO, 0, 1 or 2"),
        (lambda: Bm25(phrase_boost=-1), "phrase boost is -1"),
        (lambda: Bm25(phrase_boost=NAN), "phrase boost is nan"),
        (lambda: Bm25(phrase_boost=INF), "phrase boost is inf"),
        (lambda: Knn(oversample=NAN), "oversample is nan"),
        (lambda: Knn(min_cosine=NAN), "minimum cosine is nan"),
        (lambda: Question("a", start=NAN), "`start` is nan"),
        (lambda: Question("a", start=INF), "`start` is inf"),
        (lambda: Question("a", k=NAN), "`k` is nan"),
        (lambda: Tuning(depth=INF), "`depth` is inf: give a whole number"),
        (lambda: Rerank(WordScorer(), depth=NAN), "`depth` is nan: give a whole number"),
        (lambda: VectorCache(NAN), "cache is nan"),
        (lambda: VectorCache(INF), "cache is inf"),
        (lambda: next(batches([("1", "a")], 0, LIKE)), "batch is 0 and must be at least 1"),
        (lambda: next(batches([("1", "a")], -1, LIKE)), "batch is -1 and must be at least 1"),
        (lambda: search_fields(Bm25(fields=("title^inf",)), target()), "no number"),
        (lambda: Knn(ef_search=0), "ef_search is 0"),
        (lambda: Knn(oversample=0.5), r"oversample is 0\.5"),
        (lambda: Knn(min_cosine=1.1), r"minimum cosine is 1\.1"),
    ],
)
def test_numbers_out_of_range_are_told(make, said):
    with pytest.raises(QueryError, match=said):
        make()


def test_how_many_words_must_match_as_the_clusters_take_it():
    for text in ("2", "-1", "75%", "-25%", "3<90%", "2<-25% 9<-3"):
        assert Bm25(minimum_should_match=text).minimum_should_match == text
    assert Question("a", k=np.int64(3)).end == 3


def test_an_empty_query_is_a_fault_of_the_text():
    with pytest.raises(TextError):
        Question("")
