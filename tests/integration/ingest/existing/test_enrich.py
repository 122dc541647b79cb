"""Documents that are there already get vectors in place, and nobody's change is lost."""

import json
import threading

import numpy as np
import pytest

import ingest
from ingest import IndexRefusedError, Writing, adopt_index
from query import Searcher
from tests.integration.ingest.existing.books import BOOKS, make_index
from tests.support.commands import tandem
from tests.support.stubs import StubEncoder

TEXTS = {"headline": {"type": "text"}, "body": {"type": "text"}, "price": {"type": "integer"}}


def enrich(*args, **options):
    return ingest.enrich(*args, writing=Writing(max_outage=30.0), **options)


@pytest.fixture(params=["opensearch", "elasticsearch"])
def cluster(request):
    return request.getfixturevalue(request.param)


def held(cluster, index):
    """Id -> (source, vector) of every document."""
    cluster.client.indices.refresh(index=index)
    body = {"size": 5000, "query": {"match_all": {}}}
    if cluster.capabilities.distribution == "elasticsearch":
        body["fields"] = ["body_vector"]
    found = {}
    for hit in cluster.client.search(index=index, body=body)["hits"]["hits"]:
        source = hit["_source"]
        vector = hit.get("fields", {}).get("body_vector") or source.get("body_vector")
        found[hit["_id"]] = (source, vector)
    return found


def of_its_text(encoder, source, vector):
    return vector is not None and np.allclose(vector, encoder.vector(source["body"]), atol=1e-5)


def test_all_documents_get_vectors_and_a_second_run_takes_up_what_changed(cluster, index_name):
    stub = StubEncoder()
    more = [{"headline": "No text"}, {"body": "one", "price": 7}]
    make_index(cluster, index_name, TEXTS, [*BOOKS, *more], number_of_shards=3)
    seen = enrich(cluster, index_name, stub, text_field="body", dry_run=True)
    assert (seen.read, seen.lacking, seen.written) == (14, 13, 0)
    assert (
        "body_vector"
        not in cluster.client.indices.get_mapping(index=index_name)[index_name]["mappings"][
            "properties"
        ]
    )
    done = enrich(cluster, index_name, stub, text_field="body")
    assert (done.read, done.written, done.blank, done.current) == (14, 13, 1, 0)
    for source, vector in held(cluster, index_name).values():
        assert "body" not in source or of_its_text(stub, source, vector)
        assert source.get("price") is not None or "body" not in source
    with Searcher(cluster, index_name, encoder=stub) as searcher:
        hit = searcher.search(BOOKS[4]["body"], mode="knn", k=1).hits[0]
    assert (hit.text, hit.title) == (BOOKS[4]["body"], "About bread")
    cluster.client.update(index=index_name, id="0", body={"doc": {"body": "something else"}})
    cluster.client.update(index=index_name, id="1", body={"doc": {"price": 99}})
    cluster.client.index(index=index_name, id="new", body={"body": "brand new"})
    cluster.client.update(index=index_name, id="2", body={"doc": {"body": ""}})
    again = enrich(cluster, index_name, stub)
    assert (again.written, again.current, again.blank) == (3, 11, 1)
    now = held(cluster, index_name)
    assert all(of_its_text(stub, *now[each]) for each in ("0", "1", "new"))
    assert (now["1"][0]["price"], now["2"][1]) == (99, None)


def test_only_what_a_query_finds(cluster, index_name):
    make_index(cluster, index_name, TEXTS, BOOKS)
    few = {"range": {"price": {"lt": 3}}}
    assert enrich(cluster, index_name, StubEncoder(), text_field="body", query=few).written == 3


def test_under_fire_each_vector_is_of_its_text_and_no_write_is_lost(cluster, index_name):
    stub = StubEncoder(seconds=0.001)
    documents = [{"body": f"text {number}", "price": 0} for number in range(1500)]
    make_index(cluster, index_name, TEXTS, documents, number_of_shards=2)
    wrote, deleted, stop = {}, set(), threading.Event()

    def owner():
        random = np.random.default_rng(7)
        while not stop.is_set():
            lines, ids = [], {str(each) for each in random.integers(0, 1500, 20)} - deleted
            for each in sorted(ids):
                if random.random() < 0.1:
                    deleted.add(each)
                    lines.append({"delete": {"_id": each}})
                else:
                    wrote[each] = f"of the owner {random.integers(1 << 40)}"
                    lines += [{"update": {"_id": each}}, {"doc": {"body": wrote[each]}}]
            late = f"late {random.integers(1 << 40)}"
            wrote[late] = late
            lines += [{"index": {"_id": late}}, {"body": late}]
            answer = cluster.client.bulk(index=index_name, body=lines, refresh=True)
            for item in answer["items"]:  # what met our own update is sent again, as owners do
                if (item.get("update") or {}).get("status") == 409:
                    each = item["update"]["_id"]
                    cluster.client.update(
                        index=index_name,
                        id=each,
                        body={"doc": {"body": wrote[each]}},
                        retry_on_conflict=20,
                    )

    thread = threading.Thread(target=owner)
    thread.start()
    try:
        first = enrich(cluster, index_name, stub, text_field="body")
    finally:
        stop.set()
        thread.join(60)
    assert first.read == first.written + first.current + first.changed + first.gone
    enrich(cluster, index_name, stub)
    now = held(cluster, index_name)
    assert not deleted & now.keys()
    assert all(of_its_text(stub, *each) for each in now.values())
    assert all(now[each][0]["body"] == body for each, body in wrote.items() if each not in deleted)
    assert len(now) == 1500 + sum(each.startswith("late") for each in wrote) - len(deleted)
    assert enrich(cluster, index_name, stub).written == 0


def test_what_an_update_would_destroy_is_refused(cluster, index_name):
    mapping = {"_source": {"excludes": ["price"]}, "properties": TEXTS}
    cluster.client.indices.create(index=index_name, body={"mappings": mapping})
    with pytest.raises(IndexRefusedError, match="leaves fields out"):
        enrich(cluster, index_name, StubEncoder(), text_field="body")


def test_a_source_that_is_off_cannot_even_be_copied(cluster, index_name):
    mapping = {"_source": {"enabled": False}, "properties": TEXTS}
    cluster.client.indices.create(index=index_name, body={"mappings": mapping})
    for options in ({}, {"copy_to": f"{index_name}-2"}):
        with pytest.raises(IndexRefusedError, match=r"is off, .*from where they came"):
            enrich(cluster, index_name, StubEncoder(), text_field="body", **options)


def test_a_source_that_is_derived_is_copied(opensearch, index_name):
    kept = {name: {**spec, "store": True} for name, spec in TEXTS.items()}
    make_index(opensearch, index_name, kept, BOOKS, derived_source={"enabled": True})
    with pytest.raises(IndexRefusedError, match=r"is derived from other fields, .*copy_to="):
        enrich(opensearch, index_name, StubEncoder(), text_field="body")
    copy = f"{index_name}-2"
    done = enrich(opensearch, index_name, StubEncoder(), text_field="body", copy_to=copy)
    assert (done.written, done.rejected) == (len(BOOKS), 0)


def test_an_index_without_k_nn_and_vectors_of_others_are_refused(opensearch, index_name):
    make_index(opensearch, index_name, TEXTS, BOOKS, knn=False)
    with pytest.raises(IndexRefusedError, match=r"index\.knn false"):
        enrich(opensearch, index_name, StubEncoder(), text_field="body")


def test_by_the_command_line(cluster, index_name, minilm):
    make_index(cluster, index_name, TEXTS, BOOKS)
    words = ("enrich", index_name, "--model", minilm, "--text-field", "body", "--json")
    done = tandem(*words, TANDEM_URL=cluster.url)
    assert done.code == 0, done.err
    assert json.loads(done.out)["written"] == len(BOOKS)
    again = tandem("enrich", index_name, TANDEM_URL=cluster.url)
    assert f"0 written, {len(BOOKS)} unchanged" in again.out, again.err
    with pytest.raises(IndexRefusedError, match="has 384 dimensions"):
        adopt_index(cluster, index_name, StubEncoder(dim=8))


@pytest.mark.parametrize("copied", [False, True])
def test_a_lost_point_in_time_is_opened_anew_and_nothing_is_counted_twice(
    opensearch, index_name, copied
):
    many = [{"body": f"Text number {number}."} for number in range(700)]
    make_index(opensearch, index_name, TEXTS, many)
    lost, stub = threading.Event(), StubEncoder()

    def lose(report):
        if report.read and not lost.is_set():
            lost.set()
            path = "/_search/point_in_time/_all"
            opensearch.client.transport.perform_request("DELETE", path)

    place = f"{index_name}-2" if copied else index_name
    options = {"copy_to": place} if copied else {}
    done = enrich(opensearch, index_name, stub, text_field="body", on_progress=lose, **options)
    assert lost.is_set()
    assert (done.read, done.written, done.rejected) == (700, 700, 0)
    assert all(of_its_text(stub, *found) for found in held(opensearch, place).values())
