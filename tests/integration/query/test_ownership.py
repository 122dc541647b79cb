"""What others keep in a cluster under the names that Tandem uses stays as it is."""

import pytest

from ingest import enrich
from mappings import Fusion, MappingError, SearchSettings
from query import QueryError, Searcher, put_pipeline, put_search_settings, remove_search_settings
from tests.support.commands import tandem
from tests.support.loads import documents, ingested
from tests.support.stubs import StubEncoder

THEIRS = {
    "plain": {"request_processors": [{"filter_query": {"query": {"match_all": {}}}}]},
    "fusing": {"phase_results_processors": [{"normalization-processor": {}}]},
}
OWN_META = {"search": "by Paul", "loading": {"since": 1999}}


def pipelines(cluster, method, name, body=None):
    path = f"/_search/pipeline/{name}"
    return cluster.client.transport.perform_request(method, path, body=body)


@pytest.fixture
def name(opensearch, index_name):
    yield index_name
    opensearch.client.transport.perform_request(
        "DELETE", f"/_search/pipeline/{index_name}", params={"ignore": 404}
    )


@pytest.mark.parametrize("kind", THEIRS)
def test_a_pipeline_of_others_is_not_replaced_unasked(opensearch, name, kind):
    pipelines(opensearch, "PUT", name, THEIRS[kind])
    before = pipelines(opensearch, "GET", name)
    done = tandem("index", "pipeline", name, TANDEM_URL=opensearch.url)
    assert done.code == 1
    assert "is there already and Tandem did not write it" in done.err
    assert "--replace" in done.err
    assert pipelines(opensearch, "GET", name) == before
    done = tandem("index", "pipeline", name, "--replace", TANDEM_URL=opensearch.url)
    assert (done.code, "min_max" in done.out) == (0, True)


def test_a_pipeline_of_ours_is_replaced_until_somebody_changes_it(opensearch, name):
    put_pipeline(opensearch, name, Fusion())
    body = put_pipeline(opensearch, name, Fusion(technique="rrf"))
    assert pipelines(opensearch, "GET", name)[name] == body
    pipelines(opensearch, "PUT", name, {**body, **THEIRS["plain"]})
    with pytest.raises(QueryError, match="`replace=True`"):
        put_pipeline(opensearch, name, Fusion())
    assert "request_processors" in pipelines(opensearch, "GET", name)[name]


def test_what_others_note_in_a_mapping_is_neither_read_nor_changed(either, index_name):
    properties = {"title": {"type": "text"}, "text": {"type": "text"}}
    body = {"mappings": {"_meta": OWN_META, "properties": properties}}
    either.client.indices.create(index=index_name, body=body)
    source = {"title": "Bees", "text": "All about bees."}
    either.client.index(index=index_name, id="1", body=source, params={"refresh": "true"})
    with Searcher(either, index_name) as searcher:
        assert [hit.id for hit in searcher.search("bees", mode="bm25")] == ["1"]
    assert remove_search_settings(either, index_name) == []
    with pytest.raises(QueryError, match="has no record of Tandem's, so nothing was written"):
        put_search_settings(either, index_name, SearchSettings(depth=50))
    if either.capabilities.distribution == "elasticsearch":
        with pytest.raises(MappingError, match="_meta of the index has 'loading'"):
            enrich(either, index_name, StubEncoder())
    found = either.client.indices.get_mapping(index=index_name)[index_name]["mappings"]
    assert (found["_meta"], found["properties"]) == (OWN_META, properties)


def test_an_alias_that_covers_an_index_of_others_is_not_tuned(either, index_name):
    ours, theirs = f"{index_name}-ours", f"{index_name}-theirs"
    ingested(documents(2), cluster=either, encoder=StubEncoder(), index=ours)
    either.client.indices.create(index=theirs)
    with pytest.raises(QueryError, match=f"index '{theirs}' has no record"):
        put_search_settings(either, f"{index_name}-*", SearchSettings(depth=50))
    found = either.client.indices.get_mapping(index=ours)[ours]["mappings"]["_meta"]
    assert "search" not in found
