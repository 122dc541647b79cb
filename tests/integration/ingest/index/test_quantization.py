"""Vectors in fewer bits, on the servers that have them: loaded, found, shown, and kept to."""

import pytest

from ingest import IndexRefusedError, Plan, enrich
from mappings import EncoderRecord, Fields, IndexRecord, Shape, index_body, laid_out
from query import Knn, Searcher, TargetError, Tuning
from tandem.base.vectors import as_bytes
from tests.integration.ingest.existing.books import make_index
from tests.support.loads import documents, ingested, stored
from tests.support.searches import cosines
from tests.support.stubs import StubEncoder

WAYS = [
    ("opensearch", "int8"),
    ("opensearch", "byte"),
    ("secured", "int8"),
    ("secured", "byte"),
    ("elasticsearch", "int8"),
    ("elasticsearch", "int4"),
    ("elasticsearch", "binary"),
]


@pytest.mark.parametrize(("server", "quantization"), WAYS)
def test_it_is_loaded_searched_and_kept_to(request, server, quantization):
    cluster = request.getfixturevalue(server)
    name = f"test-quantization-{quantization}"
    encoder = StubEncoder(dim=64)
    plan = Plan(shape=Shape(quantization=quantization))
    try:
        report = ingested(documents(60), cluster=cluster, index=name, encoder=encoder, plan=plan)
        assert (report.written, report.rejected) == (60, 0)
        description = cluster.client.indices.get(index=name)[name]
        assert laid_out(description, Fields())["quantization"] == quantization
        with Searcher(cluster, name, encoder=encoder) as searcher:
            text = documents(60)[7]
            asked = f"{text['title']}\n{text['text']}"
            # Of bytes there is nothing else to score again.
            tuning = Tuning(knn=Knn(oversample=None if quantization == "byte" else 3.0))
            assert searcher.search(asked, mode="knn", tuning=tuning)[0].id == text["id"]
        again = Plan(shape=Shape(m=16))
        same = ingested(documents(60), cluster=cluster, index=name, encoder=encoder, plan=again)
        assert same.skipped == 60
        other = Plan(shape=Shape(quantization="on-disk"))
        with pytest.raises(IndexRefusedError, match=f"on-disk.*quantization {quantization}"):
            ingested(documents(60), cluster=cluster, index=name, encoder=encoder, plan=other)
    finally:
        cluster.client.indices.delete(index=name, params={"ignore_unavailable": "true"})


@pytest.fixture
def bytes_of_faiss(opensearch, index_name):
    """An index of the body that faiss gets for bytes, but for its libraries, which are not here."""
    encoder = StubEncoder(dim=64)
    record = IndexRecord(EncoderRecord(encoder.name, encoder.fingerprint, encoder.dim, {}))
    body = index_body(record, Shape(engine="faiss", quantization="byte", replicas=0))
    body["mappings"]["properties"]["vector"]["method"]["engine"] = "lucene"
    opensearch.client.indices.create(index=index_name, body=body)
    return index_name, encoder


def test_bytes_as_faiss_has_them_rank_as_whole_vectors(opensearch, bytes_of_faiss):
    name, encoder = bytes_of_faiss
    rows = documents(300)
    assert ingested(rows, cluster=opensearch, index=name, encoder=encoder).written == 300
    with Searcher(opensearch, name, encoder=encoder) as searcher:
        for text in ("question 1", "question 2"):
            exact = cosines(text, rows, encoder)
            best = sorted(exact, key=lambda each: -exact[each])[:10]
            hits = searcher.search(text, mode="knn", k=10)
            assert len(set(best) & {hit.id for hit in hits}) >= 9
            assert searcher.search(text, mode="hybrid", k=3)
        with pytest.raises(TargetError, match="compares by innerproduct"):
            searcher.search("question", mode="knn", tuning=Tuning(knn=Knn(min_cosine=0.5)))
    # Metadata alone is changed: its vector stays as it is.
    before = stored(opensearch, name)
    changed = [{**row, "shelf": 3} for row in rows[:5]]
    report = ingested(changed, cluster=opensearch, index=name, encoder=encoder)
    assert (report.written, report.encoded) == (5, 0)
    after = stored(opensearch, name)
    assert [after[each]["vector"] for each in before] == [row["vector"] for row in before.values()]


def test_an_enrichment_writes_bytes_into_a_field_of_bytes(opensearch, index_name):
    encoder = StubEncoder(dim=64)
    spec = index_body(IndexRecord(EncoderRecord("m", "f", 64, {})), Shape(quantization="byte"))[
        "mappings"
    ]["properties"]["vector"]
    fields = {"body": {"type": "text"}, "body_vector": spec}
    make_index(opensearch, index_name, fields, [{"body": "Snow falls."}, {"body": "Rain falls."}])
    report = enrich(opensearch, index_name, encoder, text_field="body")
    assert (report.written, report.rejected) == (2, 0)
    for each in stored(opensearch, index_name).values():
        assert each["body_vector"] == as_bytes(encoder.vector(each["body"])).tolist()


def test_what_only_faiss_has_is_refused_where_faiss_would_end_the_node(opensearch, index_name):
    encoder = StubEncoder(dim=64)
    plan = Plan(shape=Shape(engine="faiss", quantization="byte"))
    with pytest.raises(IndexRefusedError, match="engine 'faiss' cannot be made on this cluster"):
        ingested(documents(3), cluster=opensearch, index=index_name, encoder=encoder, plan=plan)
    assert encoder.encoded == []
    assert not opensearch.client.indices.exists(index=index_name)
