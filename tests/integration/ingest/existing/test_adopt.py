"""Indexes made by hand are adopted where the model fits, and each misfit is told rightly."""

import json

import numpy as np
import pytest

from encoder import Encoder
from ingest import (
    IndexRefusedError,
    OtherPromptError,
    Plan,
    adopt_index,
    delete_index,
    enrich,
    ingest,
)
from mappings import read_record
from query import Searcher
from tests.integration.ingest.existing.books import BOOKS, make_books, vector_spec
from tests.support.commands import tandem
from tests.support.stubs import StubEncoder


@pytest.fixture(params=["opensearch", "elasticsearch"])
def cluster(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def encoder(minilm):
    return Encoder.load(minilm)


def record_in(cluster, index):
    return read_record(cluster.client.indices.get(index=index)[index]["mappings"], index)


def test_the_right_model_is_adopted_and_the_index_works_from_then_on(
    cluster, index_name, encoder, tmp_path
):
    make_books(cluster, index_name, encoder.encode_passages)
    found = adopt_index(cluster, index_name, encoder)
    assert found.fit.fits
    assert found.fit.cosine > 0.999
    assert found.fit.template == "{text}"
    assert (found.fields.text, found.fields.title, found.fields.vector) == (
        *("body", "headline", "body_vector"),
    )
    with Searcher(cluster, index_name, encoder=encoder) as searcher:
        hit = searcher.search(BOOKS[3]["body"], mode="knn", k=1).hits[0]
        assert (hit.id, hit.text, hit.title) == ("3", BOOKS[3]["body"], "About copper")
    # A title is not encoded there, and so it is not of what comes later.
    new = [{"id": "n1", "title": "Glass", "text": "How glass is blown."}, {"id": "0", "text": "x"}]
    plan = Plan(rejects=tmp_path / "rejects")
    report = ingest(new, cluster=cluster, encoder=encoder, index=index_name, plan=plan)
    assert (report.written, report.rejected) == (1, 1)
    cluster.client.indices.refresh(index=index_name)
    alone = encoder.encode_passages(["How glass is blown."])[0]
    with Searcher(cluster, index_name, encoder=encoder) as searcher:
        hit = searcher.search("x", vector=alone, mode="knn", k=1).hits[0]
    assert (hit.id, hit.score) == ("n1", pytest.approx(1, abs=1e-4))
    again = ingest(new[:1], cluster=cluster, encoder=encoder, index=index_name)
    assert again.skipped == 1


def test_a_title_that_was_encoded_too_and_a_prompt_are_found(cluster, index_name, encoder, minilm):
    def told(book):
        return f"passage: {book['headline']}\n{book['body']}"

    make_books(cluster, index_name, encoder.encode_passages, told)
    with pytest.raises(OtherPromptError, match=r"passage_prompt='passage: '") as caught:
        adopt_index(cluster, index_name, encoder)
    assert record_in(cluster, index_name) is None
    prompts = {
        "passage_prompt": caught.value.passage_prompt,
        "query_prompt": caught.value.query_prompt,
    }
    found = adopt_index(cluster, index_name, Encoder.load(minilm, **prompts))
    assert (found.fit.template, found.fit.cosine > 0.999) == ("{title}\n{text}", True)
    record = record_in(cluster, index_name)
    assert (record.template, record.adopted) == (None, True)
    assert record.encoder.settings == {"query_prompt": "query: ", "passage_prompt": "passage: "}


def test_another_model_is_refused_and_a_mixture_told(cluster, index_name, encoder):
    make_books(cluster, index_name, StubEncoder(dim=384).encode_passages)
    with pytest.raises(IndexRefusedError, match=r"did not make the vectors .* cosine of -?0\.0"):
        adopt_index(cluster, index_name, encoder)
    with pytest.raises(IndexRefusedError, match="has 384 dimensions and this model gives 8"):
        adopt_index(cluster, index_name, StubEncoder())
    vectors = encoder.encode_passages([book["body"] for book in BOOKS[:6]])
    lines = []
    for number, vector in enumerate(vectors):
        lines += [{"update": {"_id": str(number)}}, {"doc": {"body_vector": vector.tolist()}}]
    cluster.client.bulk(index=index_name, body=lines, refresh=True)
    with pytest.raises(IndexRefusedError, match=r"6 of 12 documents .* and 6 do not"):
        adopt_index(cluster, index_name, encoder)
    assert record_in(cluster, index_name) is None


def test_an_index_in_which_half_have_vectors_is_adopted_and_that_is_said(
    cluster, index_name, encoder
):
    more = [{"headline": "Late", "body": f"Late and bare, number {n}"} for n in range(12)]
    make_books(cluster, index_name, encoder.encode_passages, more=more)
    found = adopt_index(cluster, index_name, encoder, dry_run=True)
    assert (found.documents, found.with_vector) == (24, 12)
    assert any("12 of 24 documents have no vector" in note for note in found.notes)
    assert record_in(cluster, index_name) is None


@pytest.mark.parametrize("space", ["l2", "innerproduct"])
def test_other_spaces_do_where_vectors_have_length_one(cluster, index_name, encoder, space):
    make_books(cluster, index_name, encoder.encode_passages, space=space)
    assert adopt_index(cluster, index_name, encoder).fit.fits
    with Searcher(cluster, index_name, encoder=encoder) as searcher:
        hit = searcher.search(BOOKS[5]["body"], mode="knn", k=1).hits[0]
    assert hit.id == "5"


def test_by_l2_with_vectors_of_other_lengths_is_refused(cluster, index_name, encoder):
    make_books(cluster, index_name, encoder.encode_passages, space="l2", scale=3.0)
    with pytest.raises(IndexRefusedError, match=r"l2.* vectors of length 3 to 3, "):
        adopt_index(cluster, index_name, encoder)


@pytest.mark.parametrize("kept", [{"enabled": False}, {"excludes": ["bo*"]}])
def test_a_source_that_does_not_hold_what_is_compared_is_told(cluster, index_name, kept):
    vector = vector_spec(cluster.capabilities.distribution, 8)
    properties = {"body": {"type": "text"}, "body_vector": vector}
    mapping = {"_source": kept, "properties": properties}
    settings = {"knn": True} if cluster.capabilities.distribution == "opensearch" else {}
    body = {"settings": {"index": settings}, "mappings": mapping}
    cluster.client.indices.create(index=index_name, body=body)
    with pytest.raises(IndexRefusedError, match=r"has no 'body' and no 'body_vector', so nothing"):
        adopt_index(cluster, index_name, StubEncoder())


def test_what_was_there_stays_its_owners(cluster, index_name):
    stub = StubEncoder()
    make_books(cluster, index_name, stub.encode_passages)
    adopt_index(cluster, index_name, stub)
    new = [{"id": f"n{number}", "text": f"new {number}"} for number in range(3)]
    ingest(new, cluster=cluster, encoder=stub, index=index_name)
    plan = Plan(confirm_prune=lambda count, sample: True, max_prune=None)
    report = ingest(new[:1], cluster=cluster, encoder=stub, index=index_name, plan=plan)
    assert report.pruned == 2
    cluster.client.indices.refresh(index=index_name)
    assert cluster.client.count(index=index_name)["count"] == len(BOOKS) + 1
    with pytest.raises(IndexRefusedError, match="it was adopted"):
        delete_index(cluster, index_name)


def test_by_the_command_line(cluster, index_name, encoder, minilm):
    make_books(
        cluster, index_name, encoder.encode_passages, lambda book: f"passage: {book['body']}"
    )
    words = ("index", "adopt", index_name, "--model", minilm, "--json")
    done = tandem(*words, TANDEM_URL=cluster.url)
    assert done.code == 0, done.err
    said = json.loads(done.out)
    assert (said["template"], said["fitting"], said["sampled"]) == ("{text}", 12, 12)
    assert "Loading the model with passage prompt 'passage: '" in done.err
    record = record_in(cluster, index_name)
    mine = Encoder.load(minilm, **record.encoder.settings)
    assert np.isclose(
        mine.encode_passages(["a"])[0] @ encoder.encode_passages(["passage: a"])[0], 1
    )


def test_a_model_that_does_not_fit_is_told_in_flags(cluster, index_name, minilm):
    make_books(cluster, index_name, StubEncoder(dim=384).encode_passages)
    done = tandem("index", "adopt", index_name, "--model", minilm, TANDEM_URL=cluster.url)
    assert (done.code, done.out) == (1, "")
    assert "name another --model, or what was encoded with --template" in done.err


def test_enrich_goes_on_from_there_and_where_it_cannot_its_cure_works(cluster, index_name):
    stub, copy = StubEncoder(), f"{index_name}-2"
    vector = vector_spec(cluster.capabilities.distribution, 8)
    properties = {"body": {"type": "text"}, "body_vector": vector, "note": {"type": "text"}}
    settings = {"knn": True} if cluster.capabilities.distribution == "opensearch" else {}
    for index, kept in ((index_name, {}), (f"{index_name}-1", {"excludes": ["note"]})):
        mapping = {"_source": kept, "properties": properties}
        body = {"settings": {"index": settings}, "mappings": mapping}
        cluster.client.indices.create(index=index, body=body)
        for number in range(4):
            held = {"body_vector": stub.vector(f"t {number}").tolist()} if number < 3 else {}
            document = {"body": f"t {number}", **held}
            cluster.client.index(index=index, id=str(number), body=document, refresh=True)
        assert adopt_index(cluster, index, stub).with_vector == 3
    assert enrich(cluster, index_name, stub).written == 4
    assert enrich(cluster, index_name, stub).current == 4
    with pytest.raises(IndexRefusedError, match=r"`copy_to=.*` makes a copy that can"):
        enrich(cluster, f"{index_name}-1", stub)
    assert enrich(cluster, f"{index_name}-1", stub, copy_to=copy).written == 4
    assert enrich(cluster, copy, stub).current == 4
