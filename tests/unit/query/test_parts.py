"""The small parts: records, highlights, kept vectors, files of queries, runs, reranking."""

import json
import threading

import numpy as np
import pytest

from query.answer.hits import collapsed
from query.answer.rerank import reranked
from query.answer.results import Answer, Explanation, Hit, LegScore, Result
from query.body.bm25 import highlight_body, highlights, search_fields
from query.errors import AnswerError, QueryError, TargetError, TextError
from query.files import answer_json, hit_json, result_json, trec_lines
from query.question import Bm25, Knn, Query, Question, Tuning
from query.search.many import batches
from query.search.query_vectors import Encoders, VectorCache
from query.search.steps import Rerank
from tests.support.stubs import StubEncoder, WordScorer
from tests.unit.query.targets import target

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Question(""), "the query is empty"),
        (lambda: Question(" \n"), "the query is empty"),
        (lambda: Question("cat \udcff"), r"the query 'cat \\udcff' is no text"),
        (lambda: Question("a", mode="both"), "unknown mode 'both': use hybrid, knn, bm25"),
        (lambda: Question(None), "the query is None: give a text"),
        (lambda: Question("a", k=2.5), r"k is 2\.5 and must be a whole number"),
        (lambda: Question("a", k=True), "k is True and must be a whole number"),
        (lambda: Question("a", k="10"), "k is '10' and must be a whole number"),
        (lambda: Question("a", start=1.0), r"start is 1\.0 and must be a whole"),
        (lambda: Tuning(depth=1e3), r"depth is 1000\.0 and must be a whole"),
        (lambda: Bm25(minimum_should_match="abc"), "'abc' is not how many words.*75%"),
        (lambda: Bm25(minimum_should_match="2<abc"), "is not how many words"),
        (lambda: Question("a", k=0), "k is 0 and must be from 1 to 10,000"),
        (lambda: Question("a", k=100_000), "k is 100,000 and must be from 1 to 10,000"),
        (lambda: Question("a", start=-1), "start is -1"),
        (lambda: Question("a", where="lang=en"), "where is 'lang=en': give a list"),
        (lambda: Tuning(depth=0), "the depth is 0"),
        (lambda: Tuning(place="there"), "unknown place 'there' of fusion"),
        (lambda: Tuning(place="client", pipeline="p"), "'p' fuses on the server"),
        (lambda: Bm25(operator="xor"), "unknown operator 'xor'"),
        (lambda: Bm25(phrase_boost=-1), "phrase boost is -1"),
        (lambda: Bm25(phrase_boost=NAN), "phrase boost is nan"),
        (lambda: Bm25(phrase_boost=INF), "phrase boost is inf"),
        (lambda: Knn(oversample=NAN), "oversample is nan"),
        (lambda: Knn(min_cosine=NAN), "minimum cosine is nan"),
        (lambda: Question("a", start=NAN), "start is nan"),
        (lambda: Question("a", start=INF), "start is inf"),
        (lambda: Question("a", k=NAN), "k is nan"),
        (lambda: Tuning(depth=INF), "the depth is inf"),
        (lambda: Rerank(WordScorer(), depth=NAN), "rerank depth is nan"),
        (lambda: VectorCache(NAN), "cache is nan"),
        (lambda: VectorCache(INF), "cache is inf"),
        (lambda: next(batches([("1", "a")], 0)), "batch is 0 and must be at least 1"),
        (lambda: next(batches([("1", "a")], NAN)), "batch is nan and must be a whole"),
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


def test_collapsing_nothing():
    assert collapsed([], str) == []


def test_vectors_are_kept_and_the_least_recently_used_go_first():
    encoder, cache = StubEncoder(), VectorCache(2)
    first = cache.encode(encoder, ["a", "b", "a"])
    assert encoder.asked == ["a", "b"]
    assert np.array_equal(first[0], encoder.vector("a"))
    assert first[0] is first[2]
    cache.encode(encoder, ["a"])
    cache.encode(encoder, ["c"])  # b goes
    assert len(cache) == 2
    encoder.asked.clear()
    cache.encode(encoder, ["a", "c", "b"])
    assert encoder.asked == ["b"]
    assert cache.kept("57ab", ["c", "b"]) is not None
    assert cache.kept("57ab", ["c", "a"]) is None


def test_vectors_of_two_encoders_are_not_mixed_up():
    cache = VectorCache()
    one = cache.encode(StubEncoder(dim=4), ["a"])[0]
    other = cache.encode(StubEncoder(dim=5, fingerprint="beef"), ["a"])[0]
    assert (one.shape, other.shape) == ((4,), (5,))


def test_kept_vectors_cannot_be_changed_and_hold_no_batch():
    vector = VectorCache().encode(StubEncoder(), ["a", "b"])[0]
    assert vector.base is None
    with pytest.raises(ValueError, match="read-only"):
        vector[0] = 1


def test_a_cache_of_0_keeps_none():
    encoder, cache = StubEncoder(), VectorCache(0)
    cache.encode(encoder, ["a"])
    cache.encode(encoder, ["a"])
    assert (encoder.asked, len(cache)) == (["a", "a"], 0)


def test_kept_vectors_are_safe_to_share():
    encoder, cache = StubEncoder(), VectorCache(8)
    wrong = []

    def work(seed):
        for n in np.random.default_rng(seed).integers(16, size=300):
            if not np.array_equal(cache.encode(encoder, [str(n)])[0], encoder.vector(str(n))):
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(cache) == 8


def test_another_encoder_is_refused_naming_both_fingerprints():
    encoders = Encoders(StubEncoder(dim=3, fingerprint="beef"))
    for encode in (encoders.encode, encoders.kept):
        with pytest.raises(TargetError, match=r"57ab.*beef.*two models do not compare"):
            encode(["a"], target())


def found(*ids, **more):
    return tuple(
        Hit(n, each, 1 / n, f"text {each}", {"text": f"text {each}"}, **more)
        for n, each in enumerate(ids, start=1)
    )


def test_a_trec_run():
    answer = Answer(Query("q1", "a"), Result("bm25", found("x", "y"), 1))
    assert list(trec_lines(answer, "t")) == ["q1 Q0 x 1 1.0 t", "q1 Q0 y 2 0.5 t"]
    whole = Answer(
        Query("q1", "a"), Result("bm25", found("x#1", document_id="x"), 1, collapsed=True)
    )
    assert list(trec_lines(whole, "t")) == ["q1 Q0 x 1 1.0 t"]
    twice = Answer(Query("q1", "a"), Result("bm25", found("x", "x", "y"), 1))
    assert trec_lines(twice, "t") == ["q1 Q0 x 1 1.0 t", f"q1 Q0 y 2 {1 / 3} t"]
    assert trec_lines(Answer(Query("q", "a"), Result("bm25", (), 1)), "t") == []
    assert list(trec_lines(Answer(Query("q", "a"), None, "bad"), "t")) == []
    with pytest.raises(QueryError, match=r"'x y' has white space.*\.jsonl"):
        trec_lines(Answer(Query("q1", "a"), Result("bm25", found("x y"), 1)), "t")
    for name, said in (
        ("a\u00a0b", "white space"),
        ("\ud800", "half a character"),
        ("", "is empty"),
    ):
        with pytest.raises(QueryError, match=said):
            trec_lines(Answer(Query(name, "a"), Result("bm25", found("x"), 1)), "t")


def test_json_of_results_leaves_out_what_a_search_does_not_tell():
    result = result_json(Result("bm25", found("x", raw_score=2.0), 7))
    assert result["took_ms"] == 7
    assert result["hits"] == [
        {
            "rank": 1,
            "id": "x",
            "score": 1.0,
            "text": "text x",
            "source": {"text": "text x"},
            "raw_score": 2.0,
        }
    ]
    assert "fusion" not in result
    failed = answer_json(Answer(Query("q", "a"), None, "bad"))
    assert failed == {"id": "q", "query": "a", "error": "bad"}
    json.dumps(result)
    half = answer_json(Answer(Query("q\ud800", "\ud800 a"), None, "bad"))
    assert (half["id"], half["query"]) == (r"q\ud800", r"\ud800 a")


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
    hits = found("x", explanation=why)
    assert hit_json(hits[0])["explain"]["explains"] == "score"
    result = reranked(Result("bm25", hits, 1), Question("x"), WordScorer())
    assert hit_json(result[0])["explain"]["explains"] == "before.score"


def test_reranked_alike_keep_their_order():
    hits = found(*(f"h{n}" for n in range(60)))
    result = reranked(Result("bm25", hits, 1), Question("nothing shared", k=60), WordScorer())
    assert [h.before.rank for h in result] == list(range(1, 61))


def test_a_reranker_that_gives_no_numbers():
    class Broken(WordScorer):
        def score(self, query, passages):
            return np.full(len(passages), np.nan, dtype=np.float32)

    with pytest.raises(AnswerError, match="words gives scores that are no numbers"):
        reranked(Result("bm25", found("x"), 1), Question("a"), Broken())


def test_an_empty_query_is_a_fault_of_the_text():
    with pytest.raises(TextError):
        Question("")
