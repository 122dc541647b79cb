"""Names with characters that mean something in a path reach what they name, and nothing else."""

import asyncio

import pytest

from ingest import Plan, ingest
from ingest.index.open import create_index
from mappings import Fusion, Shape
from query import AsyncSearcher, Searcher
from query.search.pipeline import put_pipeline
from tests.support.loads import documents, meta_of, settings_of, stored
from tests.support.stubs import StubEncoder

# Of each, what a path would say that was not percent-encoded, or was encoded or decoded twice.
ODD = {
    "%61": "a",
    "%25": "%",
    "+a": "-a",
    "a;b": "a",
    "u\u0308": "ü",
    "a&b=c@(d)[e]{f}$g^h'i~j!k`l": "a",
    "%": "a",
}


@pytest.mark.parametrize(("odd", "neighbour"), ODD.items())
def test_a_load_and_a_search_reach_the_index_that_is_named(either, index_name, odd, neighbour):
    name, other = f"{index_name}{odd}", f"{index_name}{neighbour}"
    create_index(either, other, StubEncoder(), shape=Shape(replicas=0))
    given = {"cluster": either, "encoder": StubEncoder(), "shape": Shape(replicas=0)}
    before = (meta_of(either, other), settings_of(either, other))
    ingest(documents(2), index=other, **given)
    assert ingest(documents(9), index=name, **given).written == 9
    whole = Plan(force_merge=True, confirm_prune=lambda count, sample: True)
    report = ingest(documents(8), index=name, **given, plan=whole)
    assert (report.skipped, report.pruned, report.held) == (8, 1, 8)
    assert stored(either, name).keys() == {f"d{n}" for n in range(8)}
    assert stored(either, other).keys() == {"d0", "d1"}
    assert (meta_of(either, other), settings_of(either, other)) == before
    with Searcher(either, name) as searcher:
        assert [hit.id for hit in searcher.search("word49", mode="bm25")] == ["d7"]
    assert asyncio.run(found(either, name)) == ["d7"]


async def found(cluster, name):
    async with AsyncSearcher(cluster, name) as searcher:
        return [hit.id for hit in await searcher.search("word49", mode="bm25")]


def test_an_alias_of_such_a_name_is_switched(either, index_name):
    given = {"cluster": either, "encoder": StubEncoder(), "shape": Shape(replicas=0)}
    neighbour = ingest(documents(2), alias=f"{index_name}a", **given).index
    for _ in range(2):
        report = ingest(documents(3), alias=f"{index_name}%61", plan=Plan(keep=0), **given)
    assert len(report.deleted) == 1
    assert list(either.client.indices.get_alias(name=f"{index_name}a")) == [neighbour]
    assert list(either.client.indices.get_alias(name=f"{index_name}%61")) == [report.index]


def test_a_pipeline_of_such_a_name_is_written(opensearch, index_name):
    put_pipeline(opensearch, f"{index_name}%61", Fusion())
    try:
        assert list(opensearch.client.transport.perform_request("GET", "/_search/pipeline")) == [
            f"{index_name}%61"
        ]
    finally:
        opensearch.client.transport.perform_request(
            "DELETE", f"/_search/pipeline/{index_name}%2561"
        )
