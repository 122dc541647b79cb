"""What is written of answers: runs as trec_eval reads them, and JSON."""

import json
from dataclasses import replace

import numpy as np
import pytest

from query.answer.results import Answer, Result
from query.errors import QueryError
from query.files import answer_json, result_json, trec_lines
from query.question import Query
from tandem.base.wire import json_bytes
from tests.unit.query.targets import hits_of


def test_a_trec_run():
    answer = Answer(Query("q1", "a"), Result("bm25", hits_of("x", "y"), 1))
    assert list(trec_lines(answer, "t")) == ["q1 Q0 x 1 1.0 t", "q1 Q0 y 2 0.5 t"]
    whole = Answer(
        Query("q1", "a"), Result("bm25", hits_of("x#1", document_id="x"), 1, collapsed=True)
    )
    assert list(trec_lines(whole, "t")) == ["q1 Q0 x 1 1.0 t"]
    twice = Answer(Query("q1", "a"), Result("bm25", hits_of("x", "x", "y"), 1))
    assert trec_lines(twice, "t") == ["q1 Q0 x 1 1.0 t", f"q1 Q0 y 2 {1 / 3} t"]
    assert trec_lines(Answer(Query("q", "a"), Result("bm25", (), 1)), "t") == []
    assert list(trec_lines(Answer(Query("q", "a"), None, "bad"), "t")) == []
    with pytest.raises(QueryError, match=r"'x y' has white space.*\.jsonl"):
        trec_lines(Answer(Query("q1", "a"), Result("bm25", hits_of("x y"), 1)), "t")
    for name, said in (
        ("a\u00a0b", "white space"),
        ("\ud800", "half a character"),
        ("", "is empty"),
    ):
        with pytest.raises(QueryError, match=said):
            trec_lines(Answer(Query(name, "a"), Result("bm25", hits_of("x"), 1)), "t")


def test_json_of_results_leaves_out_what_a_search_does_not_tell():
    result = result_json(Result("bm25", hits_of("x", raw_score=2.0), 7))
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
    assert not {"fusion", "document_id_field"} & result.keys()
    told = Result("bm25", hits_of("x", title="A title"), 7, document_id_field="meta.isbn")
    assert result_json(told)["hits"][0]["title"] == "A title"
    assert result_json(told)["document_id_field"] == "meta.isbn"
    failed = answer_json(Answer(Query("q", "a"), None, "bad"))
    assert failed == {"id": "q", "query": "a", "error": "bad"}
    json.dumps(result)
    half = answer_json(Answer(Query("q\ud800", "\ud800 a"), None, "bad"))
    assert (half["id"], half["query"]) == (r"q\ud800", r"\ud800 a")


def test_json_of_whatever_is_stored():
    """Whole numbers beyond 64 bits, and half a character, which only its escape can say."""
    vector = np.array([0.5, 1], np.float32)
    for odd in (10**30, "a \ud83d", ["é", {"\udc00": 2**64}]):
        value = {"odd": odd, "score": vector[0], "vector": vector}
        found = json_bytes(value)
        assert json.loads(found.decode()) == {"odd": odd, "score": 0.5, "vector": [0.5, 1]}
    assert json_bytes({"a": "é", "n": 2**63}) == '{"a":"é","n":9223372036854775808}'.encode()


def test_of_vectors_json_says_how_long_they_are():
    source = {
        "emb": [0.5] * 384,
        "cell": str([0.5] * 300),
        "many": [[0.5] * 128] * 3,
        "stars": [4.5, 3],
        "names": ["a"],
    }
    hits = [replace(hit, source=source) for hit in hits_of("x")]
    told = Result("bm25", tuple(hits), 7)
    run = answer_json(Answer(Query("q", "a"), told))
    for (hit,) in (result_json(told)["hits"], run["hits"]):
        assert hit["source"] == {
            "emb": "384 numbers",
            "cell": "300 numbers",
            "many": "3 vectors of 128 numbers",
            "stars": [4.5, 3],
            "names": ["a"],
        }
    assert told[0].source == source
