"""Targets that are no plain index: each works, or is refused before anything with a true cure."""

import json
import time
from contextlib import contextmanager

import pytest

from cluster import ClusterError
from ingest import (
    IndexRefusedError,
    Plan,
    Shape,
    adopt_index,
    create_index,
    delete_index,
    describe_index,
    enrich,
    list_indexes,
    remove,
    switch_alias,
)
from ingest.index.existing.enrich import copied_index
from ingest.index.loading import is_live
from ingest.index.note import read_note
from query import Searcher
from tests.integration.ingest.existing.books import BOOKS, make_index
from tests.support.commands import tandem
from tests.support.loads import documents, ingested, stored
from tests.support.stubs import StubEncoder

TEXTS = {"headline": {"type": "text"}, "body": {"type": "text"}}
STUB = StubEncoder()


def load(cluster, name=None, count=5, **options):
    return ingested(documents(count), cluster=cluster, index=name, encoder=STUB, **options)


def ids(cluster, name, text):
    with Searcher(cluster, name, encoder=STUB) as searcher:
        return [(hit.index, hit.id) for hit in searcher.search(text, mode="knn", k=1)]


def ask(cluster, method, path, body=None, **options):
    return cluster.client.transport.perform_request(method, path, body=body, **options)


@contextmanager
def template(cluster, name, pattern, kind="_index_template", **inside):
    body = {"template": inside} if kind == "_index_template" else inside
    streams = {"data_stream": {}, "priority": 900} if name.endswith("-stream") else {}
    ask(cluster, "PUT", f"/{kind}/{name}", {"index_patterns": [pattern], **body, **streams})
    try:
        yield
    finally:
        ask(cluster, "DELETE", f"/{kind}/{name}")


@pytest.fixture
def stream(opensearch, index_name):
    """A data stream of the books; Elasticsearch's minimal distribution has none."""
    name, settings = f"{index_name}-logs", {"number_of_replicas": 0, "knn": True}
    mappings = {"properties": {**TEXTS, "@timestamp": {"type": "date"}}}
    with template(
        opensearch, f"{index_name}-stream", f"{name}*", settings={"index": settings},
        mappings=mappings,
    ):  # fmt: skip
        ask(opensearch, "PUT", f"/_data_stream/{name}")
        add(opensearch, name, BOOKS)
        try:
            yield name
        finally:
            ask(opensearch, "DELETE", f"/_data_stream/{name}")


def add(cluster, name, books):
    time = {"@timestamp": "2026-01-01T00:00:00Z"}
    lines = [line for book in books for line in ({"create": {}}, {**book, **time})]
    assert not cluster.client.bulk(index=name, body=lines, refresh=True)["errors"]


def test_a_data_stream_is_enriched_searched_and_shown_but_not_loaded_into(opensearch, stream):
    done = enrich(opensearch, stream, STUB, text_field="body")
    assert (done.written, done.index) == (len(BOOKS), f".ds-{stream}-000001")
    assert any("the next index of the data stream" in note for note in done.notes)
    assert len(ids(opensearch, stream, BOOKS[4]["body"])) == 1
    assert adopt_index(opensearch, stream, STUB).fit.fits
    assert describe_index(opensearch, stream)["with_vector"] == len(BOOKS)
    (row,) = list_indexes(opensearch, stream)
    assert row["index"] == done.index
    assert remove(opensearch, stream, ids=["none"]).missing == ("none",)
    encoder = StubEncoder()
    for name in (stream, done.index):
        with pytest.raises(IndexRefusedError, match="takes a document once and never again"):
            ingested(documents(5), cluster=opensearch, index=name, encoder=encoder)
    assert encoder.encoded == []
    for change in (
        lambda: load(opensearch, alias=stream),
        lambda: switch_alias(opensearch, stream, done.index),
        lambda: delete_index(opensearch, stream),
    ):
        with pytest.raises(IndexRefusedError, match=f"'{stream}' is a data stream"):
            change()


def test_a_data_stream_of_several_indexes_is_enriched_singly(opensearch, stream):
    ask(opensearch, "POST", f"/{stream}/_rollover")
    add(opensearch, stream, [{"headline": "New", "body": "Entirely new."}])
    for refused in (
        lambda: load(opensearch, stream),
        lambda: enrich(opensearch, stream, STUB, text_field="body"),
        lambda: remove(opensearch, stream, ids=["1"]),
    ):
        with pytest.raises(IndexRefusedError, match="is a data stream of"):
            refused()
    assert describe_index(opensearch, stream)["documents"] == len(BOOKS) + 1
    for number in (1, 2):
        enrich(opensearch, f".ds-{stream}-00000{number}", STUB, text_field="body")
    ((index, _),) = ids(opensearch, stream, "Entirely new.")
    assert index == f".ds-{stream}-000002"


def test_a_name_that_only_data_streams_may_have(opensearch, stream):
    for work in (
        lambda: load(opensearch, f"{stream}-2"),
        lambda: load(opensearch, alias=f"{stream}-2"),
        lambda: create_index(opensearch, f"{stream}-2", STUB),
    ):
        with pytest.raises(ClusterError, match="choose a name that the index template does not"):
            work()


def test_a_stream_without_knn_gets_it_by_its_template(opensearch, stream):
    kind = stream.removesuffix("-logs") + "-stream"
    path, name = f"/_index_template/{kind}", f"{stream}-plain"
    (found,) = ask(opensearch, "GET", path)["index_templates"]
    body = found["index_template"]
    del body["template"]["settings"]["index"]["knn"]
    ask(opensearch, "PUT", path, body)
    ask(opensearch, "PUT", f"/_data_stream/{name}")
    try:
        with pytest.raises(IndexRefusedError, match=rf"POST /{name}/_rollover begins"):
            enrich(opensearch, name, STUB, text_field="body")
        body["template"]["settings"]["index"]["knn"] = True
        ask(opensearch, "PUT", path, body)
        ask(opensearch, "POST", f"/{name}/_rollover")
        add(opensearch, name, BOOKS)
        done = enrich(opensearch, f".ds-{name}-000002", STUB, text_field="body")
        assert done.written == len(BOOKS)
    finally:
        ask(opensearch, "DELETE", f"/_data_stream/{name}")


def test_a_series_that_rolls_over_is_written_where_it_is_written(either, index_name):
    first, second, third = (f"{index_name}-00000{number}" for number in (1, 2, 3))
    create_index(either, first, STUB, shape=Shape(replicas=0))
    either.client.indices.put_alias(index=first, name=index_name, body={"is_write_index": True})
    assert load(either, index_name).index == first
    ask(either, "POST", f"/{index_name}/_rollover")
    with pytest.raises(IndexRefusedError, match=f"{second}.*{third}") as caught:
        load(either, index_name)
    assert "whose write index" in str(caught.value)
    create_index(either, third, STUB, shape=Shape(replicas=0))
    marks = {first: None, second: False, third: True}
    actions = [
        {"add": {"index": index, "alias": index_name, "is_write_index": bool(mark)}}
        if mark is not False
        else {"remove": {"index": index, "alias": index_name}}
        for index, mark in marks.items()
    ]
    ask(either, "POST", "/_aliases", {"actions": actions})
    report = load(either, index_name, count=7)
    assert (report.index, report.written) == (third, 7)
    assert any("is found twice" in warning for warning in report.warnings)
    facts = describe_index(either, index_name)
    assert (facts["index"], facts["documents"], facts["shards"]) == ([first, third], 12, 2)
    text = "Title 6\nDocument number 6 has word42 in it."
    assert ids(either, index_name, text) == [(third, "d6")]
    with pytest.raises(IndexRefusedError, match="is an alias of"):
        remove(either, index_name, ids=["d6"])
    assert remove(either, third, ids=["d6"]).documents == 1


def test_an_index_that_wants_routing_is_enriched_and_not_loaded_into(either, index_name):
    mapping = {"_routing": {"required": True}, "properties": TEXTS}
    knn = {"knn": True} if either.capabilities.distribution == "opensearch" else {}
    settings = {"number_of_shards": 3, "number_of_replicas": 0, **knn}
    body = {"settings": {"index": settings}, "mappings": mapping}
    either.client.indices.create(index=index_name, body=body)
    heads = [{"index": {"_id": str(n), "routing": f"r{n % 5}"}} for n in range(len(BOOKS))]
    lines = [line for pair in zip(heads, BOOKS, strict=True) for line in pair]
    assert not either.client.bulk(index=index_name, body=lines, refresh=True)["errors"]
    done = enrich(either, index_name, STUB, text_field="body")
    assert (done.written, done.rejected) == (len(BOOKS), 0)
    assert ids(either, index_name, BOOKS[4]["body"])[0][1] == "4"
    assert enrich(either, index_name, STUB).current == len(BOOKS)
    with pytest.raises(IndexRefusedError, match=r"without a routing .*`enrich\(cluster"):
        load(either, index_name)


def test_an_alias_of_a_part_is_searched_and_changes_nothing(either, index_name):
    load(either, index_name, shape=Shape(replicas=0))
    part = {"term": {"document_id": "d2"}}
    prune = Plan(confirm_prune=lambda count, sample: True)
    for alias, body in (
        (f"{index_name}-filtered", {"filter": part}),
        (f"{index_name}-routed", {"routing": "d2"}),
    ):
        either.client.indices.put_alias(index=index_name, name=alias, body=body)
        for change in (
            lambda name=alias: ingested(
                documents(1, 2), cluster=either, index=name, encoder=STUB, plan=prune
            ),
            lambda name=alias: remove(either, name, ids=["d4"]),
            lambda name=alias: enrich(either, name, STUB),
            lambda name=alias: adopt_index(either, name, STUB),
        ):
            with pytest.raises(IndexRefusedError, match=f"name the index itself, '{index_name}'"):
                change()
        assert describe_index(either, alias)["index"] == index_name
    assert ids(either, f"{index_name}-filtered", "anything") == [(None, "d2")]
    assert len(stored(either, index_name)) == 5


UNFIT = {
    "takes no document without a routing": {"mappings": {"_routing": {"required": True}}},
    "lacks content_hash, document_id, text": {"mappings": {"_source": {"enabled": False}}},
    "_source of .* lacks text,": {"mappings": {"_source": {"excludes": ["t*t"]}}},
    "lacks content_hash, document_id,": {"mappings": {"_source": {"includes": ["text", "vector"]}}},
    "ingest pipeline that is not there": {"settings": {"index.default_pipeline": "none-such"}},
}


@pytest.mark.parametrize("kind", ["_index_template", "_template"])
def test_what_a_template_makes_unfit_is_refused_and_not_left_behind(either, index_name, kind):
    for said, inside in UNFIT.items():
        encoder = StubEncoder()
        with template(either, f"{index_name}-t", f"{index_name}-*", kind, **inside):
            for where in ({"index": f"{index_name}-new"}, {"alias": f"{index_name}-live"}):
                with pytest.raises(IndexRefusedError, match=said):
                    ingested(documents(5), cluster=either, encoder=encoder, **where)
        assert encoder.encoded == []
        assert not either.client.indices.get(index=f"{index_name}-*")


def test_a_template_with_room_for_few_fields_is_told_with_the_cure(either, index_name):
    name, encoder = f"{index_name}-new", StubEncoder()
    for limit in (5, 50):
        inside = {"settings": {"index.mapping.total_fields.limit": limit}}
        with template(either, f"{index_name}-t", f"{index_name}-*", **inside):
            if limit == 50:
                assert load(either, name).written == 5
                return
            with pytest.raises(
                ClusterError, match=r"\[5\] has been exceeded.*: raise index\.mapping"
            ):
                ingested(documents(5), cluster=either, encoder=encoder, index=name)
            assert encoder.encoded == []


@pytest.mark.parametrize("kind", ["_index_template", "_template"])
def test_what_a_template_adds_stays(either, index_name, kind):
    properties = {"text": {"type": "keyword"}, "year": {"type": "keyword"}}
    inside = {
        "mappings": {"_meta": {"owner": "ann"}, "properties": properties, "dynamic": False},
        "settings": {"index": {"number_of_replicas": 0, "refresh_interval": "30s"}},
        "aliases": {f"{index_name}-all": {}},
    }
    with template(either, f"{index_name}-t", f"{index_name}*", kind, **inside):
        name = f"{index_name}-books"
        assert load(either, name).written == 5
        assert load(either, name, count=6).skipped == 5
        found = either.client.indices.get(index=name)[name]
        assert found["mappings"]["_meta"]["owner"] == "ann"
        assert found["settings"]["index"]["refresh_interval"] == "30s"
        assert found["mappings"]["properties"]["year"] == {"type": "keyword"}
        assert found["mappings"]["properties"]["text"]["type"] == "text"
        text = "Title 4\nDocument number 4 has word28 in it."
        assert ids(either, f"{index_name}-all", text) == [(None, "d4")]


def test_an_alias_of_a_template_is_not_taken_for_the_end_of_a_load(opensearch, index_name):
    def breaking():
        yield from documents(1000)
        time.sleep(1)  # what is on its way now gets there
        raise RuntimeError("cut off")

    everything = {f"{index_name}-all": {}}
    with template(opensearch, f"{index_name}-t", f"{index_name}*", aliases=everything):
        with pytest.raises(RuntimeError):
            ingested(breaking(), cluster=opensearch, alias=f"{index_name}-live", encoder=STUB)
        (first,) = opensearch.client.indices.get(index=f"{index_name}-live-*")
        report = ingested(
            documents(1000), cluster=opensearch, alias=f"{index_name}-live", encoder=STUB
        )
        assert report.index == first
        assert report.skipped
        make_index(opensearch, f"{index_name}-old", TEXTS, BOOKS, knn=False)
        copy = f"{index_name}-copy"

        def stop(report):
            raise RuntimeError("cut off")

        with pytest.raises(RuntimeError):
            enrich(
                opensearch, f"{index_name}-old", STUB, text_field="body", copy_to=copy,
                on_progress=stop,
            )  # fmt: skip
        found = opensearch.client.indices.get(index=copy)[copy]
        assert not is_live(found, read_note(copy, found))
        assert not copied_index.end_half_ended(opensearch, f"{index_name}-old", copy)


def test_the_command_line_says_it_with_exit_1(opensearch, stream):
    done = tandem(
        "enrich", stream, "--text-field", "body", "--model", "none-such",
        TANDEM_URL=opensearch.url,
    )  # fmt: skip
    assert done.code == 1
    done = tandem("index", "delete", stream, "--yes", TANDEM_URL=opensearch.url)
    assert (done.code, "is a data stream of" in done.err) == (1, True)
    done = tandem("index", "show", stream, "--json", TANDEM_URL=opensearch.url)
    assert json.loads(done.out)["documents"] == len(BOOKS)
