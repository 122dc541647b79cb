"""Vectors in fewer bits, on the servers that have them: loaded, found, shown, and kept to."""

import pytest

from ingest import IndexRefusedError, Plan
from mappings import Fields, Shape, laid_out
from query import Knn, Searcher, Tuning
from tests.support.loads import documents, ingested
from tests.support.stubs import StubEncoder

WAYS = [
    ("opensearch", "int8"),
    ("secured", "int8"),
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
            tuning = Tuning(knn=Knn(oversample=3.0))
            assert searcher.search(asked, mode="knn", tuning=tuning)[0].id == text["id"]
        again = Plan(shape=Shape(m=16))
        same = ingested(documents(60), cluster=cluster, index=name, encoder=encoder, plan=again)
        assert same.skipped == 60
        other = Plan(shape=Shape(quantization="on-disk"))
        with pytest.raises(IndexRefusedError, match=f"on-disk.*quantization {quantization}"):
            ingested(documents(60), cluster=cluster, index=name, encoder=encoder, plan=other)
    finally:
        cluster.client.indices.delete(index=name, params={"ignore_unavailable": "true"})
