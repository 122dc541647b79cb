"""Hits read again by a cross-encoder."""

import numpy as np
import pytest

from query.answer.rerank import reranked
from query.answer.results import Explanation, Hit, LegScore, Result
from query.errors import AnswerError
from query.files import hit_json
from query.question import Question
from tests.support.stubs import WordScorer
from tests.unit.query.targets import hits_of


def test_reranking_reads_all_and_says_what_moved():
    texts = ("one", "the cat", "the cat sat")
    hits = tuple(Hit(n, t, 1 / n, t, {}, "A title") for n, t in enumerate(texts, start=1))
    model = WordScorer()
    question = Question("cat sat", k=2)
    result = reranked(Result("bm25", hits, 1), question, model)
    assert [h.id for h in result] == ["the cat sat", "the cat"]
    assert [(h.rank, h.score, h.before.rank) for h in result] == [(1, 2.0, 3), (2, 1.0, 2)]
    assert model.read == [f"A title\n{text}" for text in texts]
    second = reranked(Result("bm25", hits, 1), Question("cat sat", k=2, start=2), model)
    assert [(h.rank, h.id) for h in second] == [(3, "one")]
    assert len(reranked(Result("bm25", (), 1), question, model)) == 0


def test_an_explanation_of_a_reranked_hit_says_what_it_explains():
    why = Explanation((LegScore("bm25", 1, 1.0),), 1.0, "1.0", {})
    hits = hits_of("x", explanation=why)
    assert hit_json(hits[0])["explain"]["explains"] == "score"
    result = reranked(Result("bm25", hits, 1), Question("x"), WordScorer())
    assert hit_json(result[0])["explain"]["explains"] == "before.score"


def test_reranked_alike_keep_their_order():
    hits = hits_of(*(f"h{n}" for n in range(60)))
    result = reranked(Result("bm25", hits, 1), Question("nothing shared", k=60), WordScorer())
    assert [h.before.rank for h in result] == list(range(1, 61))


def test_a_reranker_that_gives_no_numbers():
    class Broken(WordScorer):
        def score(self, query, passages):
            return np.full(len(passages), np.nan, dtype=np.float32)

    with pytest.raises(AnswerError, match="words gives scores that are no numbers"):
        reranked(Result("bm25", hits_of("x"), 1), Question("a"), Broken())
