"""The components of LangChain and Haystack, in pipelines of the real frameworks."""

import asyncio
import os

import pytest

from ingest import ingest
from mappings import Shape
from query import FilterError, QueryError, Searcher
from tests.support.loads import documents
from tests.support.stubs import StubEncoder

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"


@pytest.fixture
def searcher(opensearch, index_name):
    encoder = StubEncoder()
    ingest(
        documents(30),
        cluster=opensearch,
        index=index_name,
        encoder=encoder,
        shape=Shape(replicas=0),
    )
    with Searcher(opensearch, index_name, encoder=encoder) as made:
        yield made


def expected(searcher, **options):
    return [(hit.id, hit.score) for hit in searcher.search("word49 word70", **options)]


def test_langchain_gets_the_searchers_hits(searcher):
    from langchain_core.runnables import RunnableLambda

    from tandem.adapters.langchain import TandemRetriever

    retriever = TandemRetriever(searcher=searcher, options={"k": 3, "where": ["year>=1905"]})
    chain = retriever | RunnableLambda(lambda found: found)
    found = chain.invoke("word49 word70")
    assert [(each.id, each.metadata["_score"]) for each in found] == expected(
        searcher, k=3, where=["year>=1905"]
    )
    (first,) = (each for each in found if each.id == "d7")
    assert first.page_content == "Document number 7 has word49 in it."
    assert (first.metadata["year"], first.metadata["title"]) == (1907, "Title 7")
    assert [each.id for each in asyncio.run(retriever.ainvoke("word49", mode="bm25", k=1))] == [
        "d7"
    ]
    assert [each[0].id for each in retriever.batch(["word42", "word56"], mode="bm25", k=1)] == [
        "d6",
        "d8",
    ]
    with pytest.raises(QueryError, match="unknown mode"):
        retriever.invoke("word7", mode="fuzzy")


COMPARED = [
    ({"field": "meta.year", "operator": "==", "value": 1907}, {"d7"}),
    ({"field": "year", "operator": "!=", "value": 1907}, {f"d{n}" for n in range(30) if n != 7}),
    ({"field": "year", "operator": "in", "value": [1901, 1902]}, {"d1", "d2"}),
    ({"field": "year", "operator": "not in", "value": list(range(1902, 1930))}, {"d0", "d1"}),
    ({"field": "year", "operator": "<", "value": 1902}, {"d0", "d1"}),
    ({"field": "year", "operator": "==", "value": None}, set()),
    ({"field": "year", "operator": "!=", "value": None}, {f"d{n}" for n in range(30)}),
    (
        {
            "operator": "AND",
            "conditions": [
                {"field": "meta.year", "operator": ">=", "value": 1905},
                {"field": "meta.year", "operator": "<=", "value": 1907},
                {
                    "operator": "NOT",
                    "conditions": [{"field": "meta.year", "operator": "==", "value": 1906}],
                },
            ],
        },
        {"d5", "d7"},
    ),
    (
        {
            "operator": "NOT",
            "conditions": [
                {"field": "meta.year", "operator": ">=", "value": 1902},
                {"field": "meta.year", "operator": "<", "value": 1928},
            ],
        },
        {"d0", "d1", "d28", "d29"},
    ),
    (
        {
            "operator": "OR",
            "conditions": [
                {"field": "meta.year", "operator": "==", "value": 1901},
                {"field": "meta.year", "operator": ">", "value": 1928},
            ],
        },
        {"d1", "d29"},
    ),
]


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_haystack_gets_the_searchers_hits(searcher):
    from haystack import Pipeline

    from tandem.adapters.haystack import TandemRetriever

    pipeline = Pipeline()
    pipeline.add_component("retriever", TandemRetriever(searcher, top_k=3, mode="hybrid"))
    found = pipeline.run({"retriever": {"query": "word49 word70"}})["retriever"]["documents"]
    assert [(each.id, each.score) for each in found] == expected(searcher, k=3)
    assert 1907 in {each.meta["year"] for each in found}
    retriever = TandemRetriever(searcher, top_k=30)
    for filters, ids in COMPARED:
        found = retriever.run("word49", filters=filters)["documents"]
        assert {each.id for each in found} == ids, filters
    with pytest.raises(FilterError, match="is no comparison of Haystack's: use =="):
        retriever.run("a", filters={"field": "year", "operator": "like", "value": 1})
    with pytest.raises(FilterError, match="is no filter of Haystack's: give field"):
        retriever.run("a", filters={"year": 1907})
    with pytest.raises(TypeError, match="cannot be written into a file: add TandemRetriever"):
        pipeline.to_dict()
