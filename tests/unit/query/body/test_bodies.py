"""The clauses and bodies of searches, whole, as they are sent."""

from dataclasses import replace

import numpy as np
import pytest

from mappings import Fusion, pipeline_body
from query.body.knn import knn_clause
from query.body.words.bm25 import bm25_clause, search_fields
from query.errors import QueryError, TargetError
from query.question import Bm25, Knn, Question, Tuning
from query.target import VectorField, read_target
from tests.unit.query.targets import (
    ELASTICSEARCH,
    OPENSEARCH,
    described,
    opensearch,
    planned,
    target,
)

FILTER = {"term": {"lang": "en"}}
VECTOR = np.array([1, 0, 0], dtype=np.float32)
LUCENE = VectorField("vector", 3, "cosinesimil", "lucene", False)
ON_DISK = VectorField("vector", 3, "cosinesimil", "faiss", True)
DENSE = VectorField("vector", 3, "cosine", None, False)


def words(bm25=None, where=None):
    bm25 = bm25 or Bm25()
    return bm25_clause("a b", bm25, search_fields(bm25, target()), where)


def neighbours(field=LUCENE, knn=None, where=None, version=(3, 6, 0), depth=7):
    from query.body.knn import cosine_scale

    scale = cosine_scale(field.space, field.engine, version)
    return knn_clause(VECTOR, field, knn or Knn(), depth, where, version=version, scale=scale)


def test_bm25_searches_text_and_title():
    match = {"query": "a b", "fields": ["text", "title"], "operator": "or"}
    assert words() == {"multi_match": {**match, "type": "best_fields", "tie_breaker": 0.3}}


def test_bm25_with_everything():
    bm25 = Bm25(
        fields=("title^2", "name"),
        operator="and",
        minimum_should_match="75%",
        phrase_boost=3.0,
        fuzziness="AUTO",
    )
    clause = words(bm25, FILTER)["bool"]
    assert clause["filter"] == [FILTER]
    (both,) = clause["must"]
    (match,) = both["bool"]["must"]
    assert match["multi_match"] == {
        "query": "a b",
        "fields": ["title^2", "name"],
        "operator": "and",
        "minimum_should_match": "75%",
        "fuzziness": "AUTO",
        "type": "best_fields",
        "tie_breaker": 0.3,
    }
    (phrase,) = both["bool"]["should"]
    assert phrase["multi_match"]["type"] == "phrase"
    assert phrase["multi_match"]["boost"] == 3.0


def test_one_field_needs_no_way_to_join_fields():
    match = words(Bm25(fields=("text",)))["multi_match"]
    assert "type" not in match
    assert "tie_breaker" not in match


def test_fields_that_bm25_cannot_search():
    with pytest.raises(TargetError, match=r"no field 'titel': did you mean title\?"):
        words(Bm25(fields=("titel^2",)))
    with pytest.raises(QueryError, match=r"boost of 'title\^x' is no number"):
        words(Bm25(fields=("title^x",)))
    for name, kind in (("year^2", "long"), ("vector", "knn_vector"), ("author", "object")):
        with pytest.raises(TargetError, match=rf"of type {kind}, which has no words.*text, title"):
            words(Bm25(fields=(name,)))
    with pytest.raises(TargetError, match="inside the nested field 'parts'"):
        words(Bm25(fields=("parts.of",)))
    bare = read_target("x", {"x": {"mappings": {"properties": {"n": {"type": "long"}}}}})
    with pytest.raises(TargetError, match="'x' has no field of full text"):
        search_fields(Bm25(), bare)


def test_knn_on_opensearch_has_its_filter_inside():
    assert neighbours(where=FILTER) == {
        "knn": {
            "vector": {
                "vector": VECTOR,
                "k": 7,
                "filter": FILTER,
                "method_parameters": {"ef_search": 200},
            }
        }
    }


def test_knn_on_elasticsearch_has_its_filter_inside():
    assert neighbours(DENSE, where=FILTER, version=(9, 5, 3)) == {
        "knn": {
            "field": "vector",
            "query_vector": VECTOR,
            "k": 7,
            "num_candidates": 200,
            "filter": FILTER,
        }
    }


def test_elasticsearch_before_8_15_takes_k_from_the_candidates():
    assert "k" not in neighbours(DENSE, version=(8, 13, 0))["knn"]
    assert neighbours(DENSE, version=())["knn"]["k"] == 7


def test_hnsw_keeps_twice_what_is_wanted_and_200_at_least():
    def kept(field, depth, version):
        body = neighbours(field, depth=depth, version=version)["knn"]
        return body.get("num_candidates") or body["vector"].get("method_parameters")

    assert kept(LUCENE, 150, (3, 6)) == {"ef_search": 300}
    assert kept(LUCENE, 9_000, (3, 6)) == {"ef_search": 10_000}
    assert kept(DENSE, 150, (9, 5)) == 300
    # An older cluster, one that hides its version, and what is no graph, take no such number.
    assert kept(LUCENE, 150, (2, 15)) is None
    assert kept(LUCENE, 150, ()) is None
    assert kept(replace(LUCENE, graph=False), 150, (3, 6)) is None


def test_ef_search_where_the_engine_takes_it():
    new = neighbours(knn=Knn(ef_search=50))["knn"]["vector"]
    assert (new["k"], new["method_parameters"]) == (7, {"ef_search": 50})
    old = neighbours(knn=Knn(ef_search=50), version=(2, 13))["knn"]["vector"]
    assert old["k"] == 50
    assert "method_parameters" not in old
    assert neighbours(DENSE, Knn(ef_search=50))["knn"]["num_candidates"] == 50
    # Fewer candidates than neighbours wanted would be an error on faiss.
    assert neighbours(ON_DISK, Knn(ef_search=2))["knn"]["vector"]["method_parameters"] == {
        "ef_search": 7
    }


def test_a_minimum_cosine_cuts_the_nearest():
    cut = neighbours(knn=Knn(min_cosine=0.5))["function_score"]
    assert cut["min_score"] == 0.75
    assert cut["query"] == neighbours()
    assert neighbours(DENSE, Knn(min_cosine=0.5))["knn"]["similarity"] == 0.5
    squared = VectorField("vector", 3, "l2", "lucene", False)
    with pytest.raises(TargetError, match="compares by l2, not by cosine"):
        neighbours(squared, Knn(min_cosine=0.5))


def test_exactly_one_of_k_and_a_radius_is_ever_sent():
    for knn in (Knn(), Knn(min_cosine=0.1), Knn(ef_search=9)):
        clause = neighbours(knn=knn)
        body = clause.get("function_score", {}).get("query", clause)["knn"]["vector"]
        assert "k" in body
        assert not {"min_score", "max_distance"} & body.keys()


def test_oversampling_is_for_compressed_fields():
    assert neighbours(ON_DISK, Knn(oversample=3.0))["knn"]["vector"]["rescore"] == {
        "oversample_factor": 3.0
    }
    int8 = VectorField("vector", 3, "cosine", None, True)
    assert neighbours(int8, Knn(oversample=3.0))["knn"]["rescore_vector"] == {"oversample": 3.0}
    with pytest.raises(TargetError, match="holds whole vectors"):
        neighbours(LUCENE, Knn(oversample=3.0))
    with pytest.raises(TargetError, match=r"older than OpenSearch 2\.17"):
        neighbours(ON_DISK, Knn(oversample=3.0), version=(2, 16))


def plan(question, can=OPENSEARCH, **options):
    distribution = can.distribution
    return planned(question, target(distribution=distribution, **options), can, VECTOR)


def test_hybrid_is_one_body_with_its_pipeline():
    question = Question("a b", filter=FILTER, k=5, start=10)
    (item,) = plan(question).items
    body = item.body
    assert (body["from"], body["size"]) == (10, 5)
    assert list(body["query"]) == ["hybrid"]  # at the top, never wrapped
    bm25, knn = body["query"]["hybrid"]["queries"]
    assert bm25["bool"]["filter"] == [FILTER]
    assert knn["knn"]["vector"]["filter"] == FILTER
    assert knn["knn"]["vector"]["k"] == body["query"]["hybrid"]["pagination_depth"] == 100
    assert body["search_pipeline"] == pipeline_body(Fusion())
    assert body["_source"] == {"excludes": ["content_hash", "vector"]}
    assert "sort" not in body


def test_a_named_pipeline_goes_in_place_of_ours():
    (item,) = plan(Question("a", tuning=Tuning(pipeline="mine"))).items
    assert item.body["search_pipeline"] == "mine"


def test_the_depth_does_not_change_from_page_to_page():
    for k, depth in ((10, 100), (300, 300)):
        bodies = [plan(Question("a", k=k, start=s)).items[0].body for s in (0, depth - k)]
        depths = {body["query"]["hybrid"]["pagination_depth"] for body in bodies}
        assert depths == {depth}


@pytest.mark.parametrize("shards", [1, 3])
def test_elsewhere_the_legs_are_sent_as_deep_from_each_shard(shards):
    made = plan(Question("a"), ELASTICSEARCH, shards=shards, number_of_replicas="0")
    assert len(made.items) == 2 * shards
    assert [item.body["size"] for item in made.items] == [100] * 2 * shards
    wanted = [None, None] if shards == 1 else [f"_shards:{n}" for n in (0, 1, 2)] * 2
    assert [item.preference for item in made.items] == wanted
    assert not any("search_pipeline" in item.body for item in made.items)


def test_each_shard_of_each_index_is_asked_under_the_one_name():
    both = read_target(
        "both", {"a": described("elasticsearch", 1), "b": described("elasticsearch", 3)}
    )
    bm25 = planned(Question("a"), both, ELASTICSEARCH, VECTOR).items[:4]
    assert {item.index for item in bm25} == {"both"}
    assert [item.shard for item in bm25] == [None, 0, 1, 2]
    told = [item.body["query"]["bool"]["filter"] for item in bm25]
    assert told == [[{"term": {"_index": name}}] for name in "abbb"]
    assert [item.body["size"] for item in bm25] == [100] * 4


def test_explaining_on_the_server_adds_bare_legs_without_the_indexs_own_pipeline():
    made = plan(Question("a", explain=True))
    main, *legs = made.items
    assert "highlight" in main.body
    assert [leg.body["search_pipeline"] for leg in legs] == ["_none", "_none"]
    assert [leg.body["_source"] for leg in legs] == [False, False]
    assert not any("highlight" in leg.body for leg in legs)


def test_knn_asks_for_at_least_as_many_as_are_shown():
    for k, start, depth in ((10, 0, 100), (150, 0, 150), (10, 90, 100)):
        body = plan(Question("a", mode="knn", k=k, start=start)).items[0].body
        assert body["query"]["knn"]["vector"]["k"] == depth >= body["from"] + body["size"]


def test_copies_of_a_shard_do_not_change_between_pages():
    copies = {"number_of_replicas": "1"}
    first = plan(Question("a", k=5), **copies).items[0]
    second = plan(Question("a", k=5, start=5), **copies).items[0]
    other = plan(Question("b", k=5), **copies).items[0]
    assert first.preference == second.preference != other.preference
    single = plan(Question("a"), number_of_replicas="0").items[0]
    assert single.preference is None


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (
            Question("a", mode="knn", k=10, start=95),
            r"hits 96 to 105 .* 100 candidates.*`depth=105`",
        ),
        (
            Question("a", mode="hybrid", k=10, start=95),
            r"`depth=105` or more, and for the same on every",
        ),
        (Question("a", mode="bm25", k=10, start=495), r"hits 496 to 505 .*is 500: page less far"),
        (Question("a", tuning=Tuning(depth=501)), r"501 candidates .*is 500: ask for `depth=500`"),
        (Question("a", mode="knn", k=600), r"hits 1 to 600 .*max_result_window is 500"),
    ],
)
def test_beyond_the_window_or_the_candidates_is_said(question, said):
    with pytest.raises(QueryError, match=said):
        plan(question, max_result_window="500")


def test_bm25_is_collapsed_by_the_cluster_and_the_others_from_all_candidates():
    body = plan(Question("a", mode="bm25", collapse=True)).items[0].body
    assert body["collapse"]["field"] == "document_id"
    for mode in ("knn", "hybrid"):
        body = plan(Question("a", mode=mode, k=5, start=5, collapse=True)).items[0].body
        assert body["from"] == 0
        assert body["size"] >= 100
        assert "collapse" not in body


def test_collapse_needs_the_field_that_tells_documents():
    bare = read_target("x", {"x": {"mappings": {"properties": {"t": {"type": "text"}}}}})
    with pytest.raises(TargetError, match="'x' has no keyword field 'document_id'"):
        planned(Question("a", mode="bm25", collapse=True), bare, OPENSEARCH, None)


def test_nothing_that_hybrid_cannot_take_is_ever_sent():
    (item,) = plan(Question("a")).items
    assert not {"sort", "min_score", "scroll", "search_after", "search_type"} & item.body.keys()
    assert item.body["track_total_hits"] is False


def test_a_pipeline_that_cannot_be_followed_is_not_explained():
    question = Question("a", explain=True, tuning=Tuning(pipeline="mine"))
    with pytest.raises(QueryError, match=r"'mine' computes cannot be followed.*`explain`"):
        planned(question, target(), OPENSEARCH, None)


def test_an_indexs_own_pipeline_is_not_replaced_in_silence():
    made = plan(Question("a"), search={"default_pipeline": "mine"})
    assert "'mine' is replaced" in made.notes[0]
    assert plan(Question("a", mode="knn"), search={"default_pipeline": "mine"}).notes == ()


def test_old_clusters_get_the_legs():
    assert len(plan(Question("a"), opensearch((2, 18))).items) == 2


def test_neighbours_are_explained_where_there_is_no_text_to_highlight():
    field = {"type": "dense_vector", "dims": 3, "similarity": "cosine"}
    bare = read_target("x", {"x": {"mappings": {"properties": {"v": field}}}})
    (item,) = planned(Question("a", mode="knn", explain=True), bare, ELASTICSEARCH, VECTOR).items
    assert "highlight" not in item.body
