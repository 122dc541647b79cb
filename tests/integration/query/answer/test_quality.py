"""With the real encoder over examples/: hybrid ranks better than either half."""

import json

import ir_measures
import pytest

from query import Searcher
from tests.support.loads import ROOT
from tests.support.searches import corpus, loaded, real_encoder

NDCG = ir_measures.nDCG @ 10


@pytest.fixture(scope="module", params=["opensearch", "elasticsearch"])
def searcher(request):
    cluster = request.getfixturevalue(request.param)
    with (
        loaded(cluster, corpus(), by=real_encoder()) as name,
        Searcher(cluster, name) as made,
    ):
        yield made


def rows(name):
    lines = (ROOT / "examples" / name).read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def qrels():
    lines = (ROOT / "examples" / "qrels" / "test.tsv").read_text("utf-8").splitlines()[1:]
    return [
        ir_measures.Qrel(query, document, int(grade))
        for query, document, grade in (line.split("\t") for line in lines)
    ]


def ndcg(searcher, mode):
    asked = [(row["_id"], row["text"]) for row in rows("queries.jsonl")]
    run = [
        ir_measures.ScoredDoc(answer.query.id, hit.id, -hit.rank)
        for answer in searcher.search_many(asked, mode=mode, k=10)
        for hit in answer.result
    ]
    return ir_measures.calc_aggregate([NDCG], qrels(), run)[NDCG]


def test_hybrid_beats_both_legs(searcher):
    bm25, knn, hybrid = (ndcg(searcher, mode) for mode in ("bm25", "knn", "hybrid"))
    assert hybrid > max(bm25, knn) + 0.02
    assert min(bm25, knn) > 0.6


@pytest.mark.parametrize("mode", ["knn", "hybrid"])
@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is the capital of France?", "geo-001"),
        ("How many people live in New York City?", "geo-002"),
    ],
)
def test_the_model_cards_questions_find_their_passages_first(searcher, mode, question, answer):
    assert searcher.search(question, mode=mode, k=3)[0].id == answer


def demos():
    return json.loads((ROOT / "examples" / "demo.json").read_text("utf-8"))


@pytest.mark.parametrize("demo", demos(), ids=lambda demo: demo["expect"])
def test_each_search_of_the_demo_finds_its_passage_by_both_together(searcher, demo):
    found = searcher.search(demo["query"], k=10, filter=demo["filter"])
    assert found[0].id == demo["expect"]
