"""A copy of an index has all of it and vectors too, and gets its aliases when it is whole."""

import json

import numpy as np
import pytest

import ingest
from ingest import IndexRefusedError, Writing
from query import Searcher
from tests.integration.ingest.existing.books import BOOKS, make_index
from tests.support.commands import tandem
from tests.support.loads import stored
from tests.support.stubs import StubEncoder

STUB = StubEncoder()
WORDS = {"tokenizer": "standard", "filter": ["lowercase"]}
# A list: that a document is stored as it was, and not as its fields say.
MAPPING = {
    "_meta": {"owner": "the library"},
    "properties": {
        "body": {"type": "text", "analyzer": "words"},
        "price": {"type": "integer"},
        "tags": {"type": "keyword"},
    },
}


def enrich(*args, **options):
    return ingest.enrich(*args, writing=Writing(max_outage=30.0), **options)


def make_old(cluster, name, mappings, **settings):
    index = {
        "number_of_shards": 2,
        "number_of_replicas": 0,
        "refresh_interval": "7s",
        "analysis": {"analyzer": {"words": WORDS}},
        **settings,
    }
    few = {"range": {"price": {"lt": 3}}}
    aliases = {f"{name}-all": {"is_write_index": True}, f"{name}-few": {"filter": few}}
    body = {"settings": {"index": index}, "mappings": mappings, "aliases": aliases}
    cluster.client.indices.create(index=f"{name}-1", body=body)
    lines = []
    for number, book in enumerate(BOOKS):
        there = {"routing": "r"} if number % 3 == 0 else {}
        tags = ["b", "a", "b"]
        lines += [{"index": {"_id": str(number), **there}}, {**book, "tags": tags}]
    lines += [{"index": {"_id": "bare"}}, {"price": 1}]
    assert not cluster.client.bulk(index=f"{name}-1", body=lines, refresh=True)["errors"]


def test_it_is_as_the_old_one_with_vectors_and_takes_its_aliases(opensearch, index_name):
    client = opensearch.client
    pipeline = f"{index_name}-pipeline"
    counting = {"script": {"source": "ctx.seen = (ctx.seen ?: 0) + 1"}}
    client.ingest.put_pipeline(id=pipeline, body={"processors": [counting]})
    pipelines = {"default_pipeline": pipeline, "final_pipeline": pipeline}
    make_old(opensearch, index_name, MAPPING, **pipelines)
    old, new = f"{index_name}-1", f"{index_name}-2"
    everything, few = f"{index_name}-all", f"{index_name}-few"
    before = stored(opensearch, old)
    with pytest.raises(IndexRefusedError, match=rf"index\.knn false.*copy_to='{old}-2'"):
        enrich(opensearch, everything, STUB, text_field="body")
    seen = enrich(opensearch, everything, STUB, text_field="body", copy_to=new, dry_run=True)
    assert (seen.read, seen.lacking, seen.blank) == (13, 12, 1)
    done = enrich(opensearch, everything, STUB, text_field="body", copy_to=new)
    assert (done.index, done.read, done.written, done.blank) == (new, 13, 12, 1)
    assert done.aliases == (everything, few)
    found = client.indices.get(index=f"{index_name}-*")
    theirs, ours = found[old], found[new]
    assert theirs["aliases"] == {}
    assert ours["aliases"] == {
        everything: {"is_write_index": True},
        few: {"filter": {"range": {"price": {"lt": 3}}}},
    }
    assert ours["mappings"]["_meta"].keys() == {"owner", "tandem"}
    assert ours["mappings"]["properties"].items() >= theirs["mappings"]["properties"].items()
    settings = ours["settings"]["index"]
    assert {k: settings[k] for k in ("knn", *pipelines, "refresh_interval", "analysis")} == {
        **pipelines,
        "knn": "true",
        "refresh_interval": "7s",
        "analysis": theirs["settings"]["index"]["analysis"],
    }
    after = stored(opensearch, everything)
    for name, source in after.items():
        mark, vector = source.pop("content_hash", None), source.pop("body_vector", None)
        assert source == before[name]
        assert (mark is None) == (vector is None) == (name == "bare")
        assert vector is None or np.allclose(vector, STUB.vector(source["body"]), atol=1e-5)
    assert client.count(index=few)["count"] == 4
    client.index(index=everything, id="late", body={"body": "late"}, refresh=True)
    assert client.get(index=new, id="late")["_source"]["seen"] == 2
    assert enrich(opensearch, everything, STUB).written == 1
    client.indices.refresh(index=everything)
    with Searcher(opensearch, everything, encoder=STUB) as searcher:
        assert searcher.search("late", mode="knn", k=1).hits[0].id == "late"
    client.ingest.delete_pipeline(id=pipeline)


def test_an_index_that_was_cloned_is_copied(opensearch, index_name):
    first, old = f"{index_name}-0", f"{index_name}-1"
    make_index(opensearch, first, {"body": {"type": "text"}}, BOOKS, knn=False)
    opensearch.client.indices.put_settings(index=first, body={"index.blocks.write": True})
    opensearch.client.indices.clone(index=first, target=old)
    done = enrich(opensearch, old, STUB, text_field="body", copy_to=f"{index_name}-2")
    assert done.written == len(BOOKS)


def test_what_is_no_copy_of_it_is_left_alone(opensearch, index_name):
    make_old(opensearch, index_name, MAPPING)
    make_index(opensearch, f"{index_name}-2", {"body": {"type": "text"}}, [])
    with pytest.raises(
        IndexRefusedError, match=r"is no copy of .* name another one with `copy_to`"
    ):
        enrich(opensearch, f"{index_name}-1", STUB, text_field="body", copy_to=f"{index_name}-2")


@pytest.mark.parametrize(
    "kept", [{"_source": {"excludes": ["price"]}}, {"_source": {"mode": "synthetic"}}]
)
def test_what_an_update_would_destroy_is_copied_on_elasticsearch(elasticsearch, index_name, kept):
    if "mode" in kept["_source"]:
        settings, mapping = {"mapping": {"source": {"mode": "synthetic"}}}, MAPPING
    else:
        settings, mapping = {}, {**MAPPING, **kept}
    make_old(elasticsearch, index_name, mapping, **settings)
    everything, new = f"{index_name}-all", f"{index_name}-2"
    with pytest.raises(IndexRefusedError, match=r"update would destroy .*copy_to="):
        enrich(elasticsearch, everything, STUB, text_field="body")
    done = enrich(elasticsearch, everything, STUB, text_field="body", copy_to=new)
    assert done.written == 12
    assert any("its copy lacks their values" in note for note in done.notes) == (settings == {})
    elasticsearch.client.update(
        index=everything, id="1", body={"doc": {"body": "changed"}}, refresh=True
    )
    again = enrich(elasticsearch, everything, STUB)
    assert (again.written, again.current) == (1, 11)


def test_by_the_command_line(opensearch, index_name, minilm):
    make_old(opensearch, index_name, MAPPING)
    everything, new = f"{index_name}-all", f"{index_name}-2"
    words = ("enrich", everything, "--model", minilm, "--text-field", "body")
    refused = tandem(*words, TANDEM_URL=opensearch.url)
    assert refused.code == 1
    assert f"cannot be searched: --copy-to {index_name}-1-2 makes a copy" in refused.err
    done = tandem(*words, "--copy-to", new, TANDEM_URL=opensearch.url)
    assert done.code == 0, done.err
    assert "12 written, 0 unchanged, 1 without text, 0 rejected" in done.out
    assert f"{everything}, {index_name}-few now point to {new}" in done.out
    found = tandem("search", "bread", "--index", everything, "--json", TANDEM_URL=opensearch.url)
    assert json.loads(found.out)["hits"][0]["id"] == "4"
