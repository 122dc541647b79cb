"""Everything that can be asked wrongly is one sentence with the cure, on real clusters."""

import numpy as np
import pytest

from cluster import ClusterError, MissingIndexError
from ingest.index.open import create_index
from mappings import Shape
from query import FilterError, Knn, QueryError, Searcher, TargetError, TextError, Tuning
from tests.support.searches import DIM, corpus, encoder, loaded

KNN_FIELD = {
    "type": "knn_vector",
    "dimension": DIM,
    "method": {"name": "hnsw", "engine": "lucene", "space_type": "cosinesimil"},
}
DENSE_FIELD = {"type": "dense_vector", "dims": DIM, "similarity": "cosine"}


@pytest.fixture(scope="module", params=["opensearch", "elasticsearch"])
def cluster(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def books(cluster):
    with loaded(cluster, corpus()[:30]) as name:
        yield name


@pytest.fixture
def made(cluster, books):
    """Makes indexes that go when the test is over: make(properties, knn=True) -> name."""
    names = []

    def make(properties, knn=True):
        name = f"{books}-{len(names)}"
        settings = {"index": {"number_of_replicas": 0}}
        if knn and cluster.capabilities.distribution == "opensearch":
            settings["index"]["knn"] = True
        body = {"settings": settings, "mappings": {"properties": properties}}
        cluster.client.indices.create(index=name, body=body)
        names.append(name)
        return name

    yield make
    for name in names:
        cluster.client.indices.delete(index=name)


@pytest.fixture
def vectors(cluster):
    """A field of vectors as this cluster has them."""
    return KNN_FIELD if cluster.capabilities.distribution == "opensearch" else DENSE_FIELD


def said(cluster, index, kind, mode="knn", by=None, text="Paris", **options):
    with Searcher(cluster, index, encoder=by or encoder()) as searcher:
        with pytest.raises(kind) as caught:
            searcher.search(text, mode=mode, **options)
        sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith((".", "?"))
    return sentence


def test_a_query_by_another_model(cluster, books):
    found = said(cluster, books, TargetError, by=encoder(fingerprint="beef"))
    assert "57ab" in found
    assert "beef" in found


def test_the_same_fingerprint_of_another_dimension(cluster, books):
    found = said(cluster, books, TargetError, by=encoder(dim=9))
    assert f"{DIM} dimensions" in found
    assert "has 9" in found


def test_no_field_of_vectors(cluster, made):
    name = made({"text": {"type": "text"}})
    assert "has no field of vectors" in said(cluster, name, TargetError)
    assert "has no field of vectors" in said(cluster, name, TargetError, "hybrid")
    with Searcher(cluster, name) as searcher:
        assert len(searcher.search("Paris", mode="bm25")) == 0


def test_several_fields_of_vectors(cluster, made, vectors):
    name = made({"text": {"type": "text"}, "a": vectors, "b": vectors})
    assert "(a, b): name one with `Knn.field`" in said(cluster, name, TargetError)
    with Searcher(cluster, name, encoder=encoder()) as searcher:
        chosen = Tuning(knn=Knn(field="b"))
        assert len(searcher.search("Paris", mode="knn", tuning=chosen)) == 0


def test_an_index_that_does_not_name_its_model(cluster, made, vectors):
    name = made({"text": {"type": "text"}, "v": vectors})
    with (
        Searcher(cluster, name) as searcher,
        pytest.raises(TargetError, match=r"does not say which model encoded it.*`model`"),
    ):
        searcher.search("Paris", mode="knn")


def test_an_index_that_was_not_created_with_knn(opensearch, index_name):
    body = create_index(opensearch, index_name, encoder(), shape=Shape())
    del body["mappings"]["properties"]["vector"]["method"]
    for knn, name in ((False, f"{index_name}-off"), (None, f"{index_name}-none")):
        settings = {"number_of_replicas": 0} | ({} if knn is None else {"knn": knn})
        opensearch.client.indices.create(
            index=name, body={"settings": {"index": settings}, "mappings": body["mappings"]}
        )
        assert "index.knn false" in said(opensearch, name, TargetError)


def test_an_alias_over_different_encoders(cluster):
    with (
        loaded(cluster, corpus()[:5]) as one,
        loaded(cluster, corpus()[5:9], by=encoder(fingerprint="beef")) as other,
    ):
        alias = f"{one}-both"
        for each in (one, other):
            cluster.client.indices.put_alias(index=each, name=alias)
        found = said(cluster, alias, TargetError)
        assert "57ab" in found
        assert "beef" in found
        with Searcher(cluster, alias) as searcher:
            assert len(searcher.search("of the", mode="bm25", k=20)) > 5


def test_an_alias_over_one_encoder_is_searched_whole(cluster):
    with loaded(cluster, corpus()[:40], 2) as one, loaded(cluster, corpus()[40:90]) as other:
        alias = f"{one}-both"
        for each in (one, other):
            cluster.client.indices.put_alias(index=each, name=alias)
        with Searcher(cluster, alias, encoder=encoder()) as searcher:
            for mode in ("bm25", "knn", "hybrid"):
                found = [hit.id for hit in searcher.search("of the", mode=mode, k=60)]
                assert len(set(found)) == 60
                assert set(found) & {row["_id"] for row in corpus()[40:90]}


def test_an_alias_with_a_filter_shows_only_what_it_lets_through(cluster):
    with loaded(cluster, corpus()[:80], 2) as name:
        alias = f"{name}-law"
        body = {"filter": {"term": {"subject": "geography"}}}
        cluster.client.indices.put_alias(index=name, name=alias, body=body)
        subjects = {row["_id"]: row["subject"] for row in corpus()}
        with Searcher(cluster, alias, encoder=encoder()) as searcher:
            for mode in ("bm25", "knn", "hybrid"):
                for place in ("auto", "client"):
                    found = searcher.search("of the", mode=mode, k=10, tuning=Tuning(place=place))
                    assert found
                    assert {subjects[hit.id] for hit in found} == {"geography"}


def test_fusion_on_a_cluster_that_cannot(elasticsearch):
    with loaded(elasticsearch, corpus()[:5]) as name:
        forced = Tuning(place="server")
        found = said(elasticsearch, name, QueryError, "hybrid", tuning=forced)
        assert "Elasticsearch has no hybrid query" in found
        named = Tuning(pipeline="mine")
        assert "`pipeline`" in said(elasticsearch, name, QueryError, "hybrid", tuning=named)


def test_a_pipeline_that_is_not_there_or_does_not_fuse(opensearch, index_name):
    with loaded(opensearch, corpus()[:5]) as books:
        missing = Tuning(pipeline="no-such")
        found = said(opensearch, books, QueryError, "hybrid", tuning=missing)
        assert "no search pipeline 'no-such'" in found
        body = {"request_processors": [{"filter_query": {"query": {"match_all": {}}}}]}
        opensearch.client.transport.perform_request(
            "PUT", f"/_search/pipeline/{index_name}", body=body
        )
        idle = Tuning(pipeline=index_name)
        with (
            Searcher(opensearch, books, encoder=encoder()) as searcher,
            pytest.raises(Exception, match="neither a normalization-processor"),
        ):
            searcher.search("Paris", tuning=idle)
        opensearch.client.transport.perform_request("DELETE", f"/_search/pipeline/{index_name}")


def test_a_query_whose_vector_is_zero_or_no_number(cluster, books):
    for bad, words in ((np.zeros(DIM), "zero"), (np.full(DIM, np.nan), "NaN")):
        by = encoder(bad={"Paris": bad.astype(np.float32)})
        assert words in said(cluster, books, TextError, by=by)
        assert words in said(cluster, books, TextError, "hybrid", by=by)


def test_a_vector_whose_length_float32_cannot_square(cluster, books):
    unit = encoder().vector("Paris")
    for length in (1e-23, 1e30):
        vector = unit * np.float32(length)
        for mode in ("knn", "hybrid"):
            assert "length 1e" in said(cluster, books, TextError, mode, vector=vector)
    with Searcher(cluster, books) as searcher:
        usual = [hit.score for hit in searcher.search("Paris", mode="knn", vector=unit)]
        for length in (2e-15, 5e14):  # just within the bounds, cosines are what they are
            found = searcher.search("Paris", mode="knn", vector=unit * np.float32(length))
            assert [hit.score for hit in found] == pytest.approx(usual, abs=1e-5)


def test_an_empty_query(cluster, books):
    assert "the query is empty" in said(cluster, books, TextError, text="")


def test_filters(cluster, books):
    for mode in ("bm25", "knn", "hybrid"):
        found = said(cluster, books, FilterError, mode, where=("langg=en",))
        assert "did you mean lang?" in found
        found = said(cluster, books, FilterError, mode, filter={"term": {"langg": "en"}})
        assert "did you mean lang?" in found


def test_a_filter_that_the_cluster_does_not_know(cluster, books):
    for mode in ("bm25", "knn", "hybrid"):
        found = said(cluster, books, Exception, mode, filter={"trem": {"lang": "en"}})
        assert "[trem]" in found


def test_a_missing_index(cluster, books):
    found = said(cluster, books + "x", MissingIndexError)
    assert f"did you mean {books}?" in found


def test_a_closed_index(cluster):
    with loaded(cluster, corpus()[:5]) as name:
        cluster.client.indices.close(index=name)
        for mode in ("bm25", "knn", "hybrid"):
            assert f"POST /{name}/_open" in said(cluster, name, ClusterError, mode)


def test_nested_fields_are_reached_by_their_own_form(cluster, made):
    name = made(
        {
            "text": {"type": "text"},
            "n": {"type": "nested", "properties": {"x": {"type": "keyword"}}},
            "m": {
                "type": "nested",
                "include_in_root": True,
                "properties": {"x": {"type": "keyword"}},
            },
        },
        knn=False,
    )
    row = {"text": "Paris", "n": {"x": "nx"}, "m": {"x": "mx"}}
    cluster.client.index(index=name, id="1", body=row, params={"refresh": "true"})
    term = {"term": {"n.x": "nx"}}
    for asked in ({"where": ("n.x=nx",)}, {"filter": term}):
        assert "nested field 'n'" in said(cluster, name, FilterError, "bm25", **asked)
    nested = {"nested": {"path": "n", "query": term}}
    with Searcher(cluster, name) as searcher:
        for asked in ({"filter": nested}, {"where": ("m.x=mx",)}):
            assert len(searcher.search("Paris", mode="bm25", **asked)) == 1


def test_oversampling_whole_vectors(cluster, books):
    tuning = Tuning(knn=Knn(oversample=2))
    assert "holds whole vectors" in said(cluster, books, TargetError, tuning=tuning)


def test_beyond_the_window(cluster, books):
    cluster.client.indices.put_settings(index=books, body={"index": {"max_result_window": 200}})
    try:
        for mode in ("bm25", "knn", "hybrid"):
            tuning = Tuning(depth=200)
            found = said(cluster, books, QueryError, mode, start=195, tuning=tuning)
            assert "max_result_window is 200" in found
        assert "`depth=105`" in said(cluster, books, QueryError, start=95)
    finally:
        cluster.client.indices.put_settings(
            index=books, body={"index": {"max_result_window": None}}
        )
