"""What is made of a cluster's responses, and what of them is never shown as a result."""

import numpy as np
import pytest
from opensearchpy.exceptions import RequestError, TransportError

from mappings import Fusion
from query.answer.hits import read
from query.body.request import SubSearch, hits_of, request_of, responses_of
from query.errors import AnswerError
from query.files import hit_json
from query.question import Question, Tuning
from query.target import read_target
from tests.unit.query.targets import ELASTICSEARCH, OPENSEARCH, described, planned, target

VECTOR = np.array([1, 0, 0], dtype=np.float32)


def hit(name, score, **more):
    source = {"text": f"text of {name}", "document_id": name.split("#")[0]}
    return {"_index": "books", "_id": name, "_score": score, "_source": source, **more}


def response(*hits, took=3, **more):
    shards = {"total": 1, "successful": 1, "failed": 0}
    return {
        "took": took,
        "timed_out": False,
        "_shards": shards,
        "hits": {"hits": list(hits)},
    } | more


def answered(question, *responses, can=OPENSEARCH, **options):
    books = target(distribution=can.distribution, **options)
    return read(planned(question, books, can, VECTOR), responses)


def test_knn_hits_show_the_cosine_beside_the_engines_score():
    result = answered(Question("a", mode="knn", k=2), response(hit("x", 0.9), hit("y", 0.5))).result
    assert [(h.rank, h.id) for h in result] == [(1, "x"), (2, "y")]
    assert result[0].score == result[0].cosine == pytest.approx(0.8)
    assert result[0].raw_score == 0.9
    assert result[0].text == "text of x"
    assert result.took_ms == 3
    assert result.partial is None


def test_a_text_in_several_pieces_is_shown_whole():
    pieces = {"_source": {"text": ["One.", "Two."]}}
    (found,) = answered(
        Question("a", mode="bm25", k=2), response({**hit("x", 1.0), **pieces})
    ).result
    assert found.text == "One. Two."


def test_a_title_that_is_null_is_none():
    null = {"_source": {"text": "One.", "title": None}}
    listed = {"_source": {"text": "Two.", "title": [None, "Second"]}}
    found = answered(
        Question("a", mode="bm25", k=2),
        response({**hit("x", 2.0), **null}, {**hit("y", 1.0), **listed}),
    ).result
    assert [each.title for each in found] == [None, "Second"]


def test_scores_that_are_of_no_cosine_show_none():
    raised = response(hit("x", 1.9), hit("y", 1.0))
    result = answered(Question("a", mode="knn", k=2), raised).result
    assert [(h.score, h.cosine) for h in result] == [(1.9, None), (1.0, None)]
    assert "above 1" in result.notes[0]
    rounded = answered(Question("a", mode="knn", k=2), response(hit("x", 1.000001))).result
    assert rounded[0].cosine == pytest.approx(1, abs=1e-5)
    both = answered(Question("a", explain=True), response(hit("x", 1.0)), response(), raised).result
    assert both[0].explanation.legs[1].cosine is None
    assert "above 1" in both.notes[0]


def test_equal_scores_on_a_page_are_in_the_order_of_ids():
    found = answered(
        Question("a", mode="bm25"), response(hit("z", 2.0), hit("b", 1.0), hit("a", 1.0))
    )
    assert [h.id for h in found.result] == ["z", "a", "b"]


def test_hits_of_several_indexes_name_theirs():
    both = read_target("both", {"books": described(), "maps": described()})
    hits = response(hit("a", 2.0), {**hit("a", 1.0), "_index": "maps"})
    found = read(planned(Question("q", mode="bm25"), both, OPENSEARCH, None), (hits,)).result
    assert [(h.id, h.index) for h in found] == [("a", "books"), ("a", "maps")]
    assert hit_json(found[1])["index"] == "maps"
    alone = answered(Question("q", mode="bm25"), response(hit("a", 2.0))).result
    assert "index" not in hit_json(alone[0])


def test_ranks_go_on_over_pages():
    found = answered(
        Question("a", mode="bm25", k=2, start=4), response(hit("x", 2.0), hit("y", 1.0))
    )
    assert [h.rank for h in found.result] == [5, 6]


def test_legs_are_fused_here_where_the_cluster_cannot():
    bm25 = response(hit("a", 8.0), hit("b", 4.0), took=5)
    knn = response(hit("b", 0.9), hit("c", 0.8), hit("d", 0.7))
    tuning = Tuning(fusion=Fusion(weights=(0.5, 0.5)))
    result = answered(Question("q", k=3, tuning=tuning), bm25, knn, can=ELASTICSEARCH).result
    # min-max: a 1, b 0.001; b 1, c 0.5, d 0.001
    assert [(h.id, round(h.score, 6)) for h in result] == [("b", 0.5005), ("a", 0.5), ("c", 0.25)]
    assert result.fusion["place"] == "client"
    assert result.took_ms == 5


def test_candidates_of_all_shards_are_normalised_together():
    bm25 = [response(hit("a", 4.0)), response(hit("b", 2.0)), response()]
    knn = [response(), response(hit("b", 0.6)), response(hit("c", 1.0))]
    question = Question("q", tuning=Tuning(fusion=Fusion(weights=(0.5, 0.5))), explain=True)
    result = answered(question, *bm25, *knn, can=ELASTICSEARCH, shards=3).result
    legs = {h.id: {leg.leg: leg for leg in h.explanation.legs} for h in result}
    assert legs["a"]["bm25"].normalised == 1
    assert legs["b"]["bm25"].normalised == pytest.approx(0.001)
    assert (legs["b"]["bm25"].rank, legs["b"]["knn"].rank) == (2, 2)
    assert (legs["c"]["bm25"].rank, legs["c"]["bm25"].normalised) == (None, 0)
    assert legs["c"]["knn"].cosine == pytest.approx(1.0)


def test_equal_scores_of_a_leg_keep_the_order_of_the_shard():
    names = [f"h{n:02}" for n in np.random.default_rng(1).permutation(60)]
    leg = response(*(hit(name, 2.0) for name in names))
    question = Question("q", k=60, explain=True, tuning=Tuning(fusion=Fusion(technique="rrf")))
    result = answered(question, leg, response(), can=ELASTICSEARCH).result
    assert [h.id for h in sorted(result, key=lambda h: h.explanation.legs[0].rank)] == names


@pytest.mark.parametrize("technique", ["min_max", "l2", "z_score"])
def test_what_scores_become_can_be_computed_from_what_is_told(technique):
    bm25 = response(hit("a", 8.0), hit("b", 5.0), hit("c", 4.0))
    knn = response(hit("b", 0.9), hit("c", 0.7))
    question = Question("q", explain=True, tuning=Tuning(fusion=Fusion(technique=technique)))
    result = answered(question, bm25, knn, can=ELASTICSEARCH).result
    by = result.fusion["normalised_by"]
    again = {
        "min_max": lambda s, n: (s - n["minimum"]) / (n["maximum"] - n["minimum"]),
        "l2": lambda s, n: s / n["norm"],
        "z_score": lambda s, n: (s - n["mean"]) / n["deviation"],
    }[technique]
    for leg in (leg for each in result for leg in each.explanation.legs if leg.rank):
        wanted = max(0.001, again(leg.score, by[leg.leg]))
        assert leg.normalised == pytest.approx(wanted, abs=1e-6)
    assert (
        "normalised_by" not in answered(Question("q"), bm25, knn, can=ELASTICSEARCH).result.fusion
    )


def test_hits_of_score_0_are_no_candidates():
    result = answered(
        Question("q"), response(), response(hit("a", 0.9), hit("z", 0.0)), can=ELASTICSEARCH
    ).result
    assert [h.id for h in result] == ["a"]


def test_the_best_passage_of_a_document_and_how_many_others():
    knn = response(hit("a#1", 0.9), hit("b", 0.8), hit("a#2", 0.7), hit("a#3", 0.6))
    result = answered(Question("q", mode="knn", k=5, collapse=True), knn).result
    assert [(h.id, h.document_id, h.others) for h in result] == [("a#1", "a", 2), ("b", "b", 0)]
    inner = {"passages": {"hits": {"total": {"value": 7, "relation": "eq"}}}}
    bm25 = response(hit("a#1", 9.0, inner_hits=inner))
    result = answered(Question("q", mode="bm25", k=5, collapse=True), bm25).result
    assert (result[0].others, result.document_id_field) == (6, "document_id")
    assert answered(Question("q", mode="bm25"), bm25).result.document_id_field is None


def test_neighbours_of_too_few_documents_want_a_deeper_search():
    full = response(*(hit(f"a#{n}", 0.9) for n in range(100)))
    assert answered(Question("q", mode="knn", k=5, collapse=True), full).short
    assert not answered(
        Question("q", mode="knn", k=5, collapse=True), response(hit("a", 0.9))
    ).short
    assert not answered(Question("q", mode="knn", k=5), response(hit("a", 0.9))).short


def test_unfused_scores_are_refused():
    raw = response(hit("a", -9549512000.0), hit("a", -4422440400.0), hit("a", 4.0))
    with pytest.raises(AnswerError, match=r"without fusing.*`pipeline`"):
        answered(Question("q"), raw)


def test_a_score_that_does_not_follow_from_its_legs_is_told():
    legs = (response(hit("a", 8.0)), response(hit("a", 0.9)))
    fused = response(hit("a", 0.8))
    found = answered(Question("q", explain=True), fused, *legs).result
    assert "rank 1 differs" in found.notes[0]
    assert "concurrently" in found.notes[0]
    many = answered(Question("q", explain=True), fused, *legs, shards=33).result
    assert "of each of the 33 shards, and more than 32 are not explained" in many.notes[0]
    assert found[0].explanation.computed == 1.0


def test_failed_shards_and_timeouts_are_never_complete():
    failures = [{"reason": {"type": "x", "reason": "out", "caused_by": {"reason": "boom"}}}]
    shards = {"total": 3, "successful": 2, "failed": 1, "failures": failures}
    found = answered(Question("q", mode="bm25"), response(hit("a", 1.0), _shards=shards)).result
    assert found.partial == "1 of 3 shards failed (out: boom)"
    late = answered(Question("q", mode="bm25"), response(hit("a", 1.0), timed_out=True)).result
    assert "search timeout" in late.partial
    assert answered(Question("q", mode="bm25"), response()).result.partial is None
    nowhere = {"total": 3, "successful": 2, "skipped": 0, "failed": 0}
    found = answered(Question("q", mode="bm25"), response(hit("a", 1.0), _shards=nowhere)).result
    assert found.partial == "1 of 3 shards are on no node that answers"


def error(status, kind, reason):
    cause = {"type": kind, "reason": reason}
    shards = [{"shard": 0, "reason": cause}]
    return {"error": {"root_cause": [cause], "failed_shards": shards, **cause}, "status": status}


def test_one_failed_shard_of_a_leg_is_partial_and_all_are_an_error():
    bad = error(400, "script_exception", "boom")
    found = answered(
        Question("q"), response(hit("a", 1.0)), bad, response(), bad, can=ELASTICSEARCH, shards=2
    ).result
    assert [h.id for h in found] == ["a"]
    assert found.partial == "1 of 2 shards failed (boom)"
    with pytest.raises(RequestError, match="script_exception"):
        answered(Question("q"), response(), bad, can=ELASTICSEARCH)


def test_a_failed_search_is_the_clients_own_error():
    with pytest.raises(RequestError):
        hits_of(error(400, "query_shard_exception", "no"))
    with pytest.raises(TransportError) as caught:
        hits_of(error(429, "rejected_execution_exception", "full"))
    assert caught.value.status_code == 429
    assert hits_of(error(400, "illegal_argument_exception", "Reached end of search result")) == []


def test_one_search_is_a_search_and_several_are_an_msearch():
    one = request_of([SubSearch("a b/c", {"size": 1})])
    assert (one.method, one.path, one.params) == ("POST", "/a%20b%2Fc/_search", {})
    assert one.body == b'{"size":1}'
    items = [
        SubSearch("a", {"size": 1}, 2),
        SubSearch("a", {"size": 2}, None, "p"),
        SubSearch("a", {"size": 3}),
    ]
    many = request_of(items)
    assert many.path == "/_msearch"
    assert many.kind == "application/x-ndjson"
    assert many.body.splitlines() == [
        b'{"index":"a","preference":"_shards:2"}',
        b'{"size":1}',
        b'{"index":"a","preference":"p"}',
        b'{"size":2}',
        b'{"index":"a"}',
        b'{"size":3}',
    ]
    with pytest.raises(AnswerError, match="1 answers to 3 searches"):
        responses_of(items, {"responses": [{}]})


def test_user_text_cannot_break_out_of_its_line():
    evil = '"}\n{"index":"secrets"}\n{"query":{"match_all":{}}}'
    plan = planned(Question(evil, explain=True), target(), OPENSEARCH, VECTOR)
    lines = request_of(plan.items).body.splitlines()
    assert len(lines) == 2 * len(plan.items)
    assert not any(line.startswith(b'{"index":"secrets"') for line in lines)
