"""Loading into real clusters: what is stored, what is skipped, what an edit changes."""

import json

import numpy as np
import pytest

from encoder import Encoder
from ingest import IndexRefusedError, IngestError, Plan, Reading, Splitting, Writing, ingest
from ingest.index.open import create_index
from mappings import LOADING, Shape
from tests.support.loads import documents, ingested, meta_of, settings_of, stored, write_jsonl
from tests.support.stubs import StubEncoder

LONG = " ".join(f"Sentence {n} says word{n}." for n in range(100))


def load(cluster, index, source, plan=None, **encoder):
    encoder = StubEncoder(**encoder)
    report = ingested(source, cluster=cluster, index=index, encoder=encoder, plan=plan)
    return report, encoder.encoded


def test_all_is_stored_once_with_the_encoders_vectors(either, index_name):
    source = documents(700)
    report, encoded = load(either, index_name, source)
    assert (report.read, report.written, report.skipped) == (700, 700, 0)
    assert len(encoded) == 700
    found = stored(either, index_name)
    assert found.keys() == {d["id"] for d in source}
    one = found["d5"]
    assert one["text"] == source[5]["text"]
    assert one["title"] == "Title 5"
    assert one["document_id"] == "d5"
    assert one["year"] == 1905
    assert "position" not in one
    if "vector" in one:
        vector = StubEncoder().vector("Title 5\n" + source[5]["text"])
        assert np.array_equal(np.float32(one["vector"]), vector)


def test_again_writes_and_encodes_nothing(either, index_name):
    load(either, index_name, documents(300))
    report, encoded = load(either, index_name, documents(300))
    assert (report.written, report.skipped, encoded) == (0, 300, [])


def test_an_edit_encodes_only_what_changed(either, index_name):
    source = documents(50)
    load(either, index_name, source)
    source[3]["text"] = "Quite another text."
    source[4]["year"] = 2001
    del source[5]["year"]
    report, encoded = load(either, index_name, source)
    assert (report.written, report.skipped) == (3, 47)
    # Metadata alone is written with the vector that is there.
    assert encoded == ["Title 3\nQuite another text."]
    found = stored(either, index_name)
    assert found["d4"]["year"] == 2001
    assert "year" not in found["d5"]
    exists = {"query": {"exists": {"field": "vector"}}}
    assert either.client.count(index=index_name, body=exists)["count"] == 50
    report, encoded = load(either, index_name, source)
    assert (report.written, encoded) == (0, [])


def test_long_documents_are_split_and_shrink_without_left_overs(either, index_name):
    report, _ = load(either, index_name, [{"id": "a", "text": LONG}])
    found = stored(either, index_name)
    assert report.written == 1
    assert len(found) == report.passages_written > 5
    assert {p["document_id"] for p in found.values()} == {"a"}
    assert sorted(p["position"] for p in found.values()) == list(range(len(found)))
    assert found["a##1"]["position"] == 1
    whole = " ".join(
        found[each]["text"] for each in sorted(found, key=lambda i: found[i]["position"])
    )
    assert all(f"word{n}." in whole for n in range(100))

    shorter = LONG[: len(LONG) // 2]
    report, _ = load(either, index_name, [{"id": "a", "text": shorter}])
    assert report.removed > 0
    assert len(stored(either, index_name)) == len(found) - report.removed
    load(either, index_name, [{"id": "a", "text": "Now it is short."}])
    found = stored(either, index_name)
    assert list(found) == ["a"]
    assert "position" not in found["a"]
    load(either, index_name, [{"id": "a", "text": LONG}])
    report, encoded = load(either, index_name, [{"id": "a", "text": LONG}])
    assert (report.skipped, encoded) == (1, [])


def test_a_refused_new_version_leaves_the_old_one_whole(either, index_name, tmp_path):
    load(either, index_name, [{"id": "a", "text": LONG, "year": 1}])
    before = stored(either, index_name)
    plan = Plan(rejects=tmp_path / "r")
    bad = [{"id": "a", "text": LONG[: len(LONG) // 2], "year": "no number"}]
    report, _ = load(either, index_name, bad, plan)
    assert (report.rejected, report.removed) == (1, 0)
    assert stored(either, index_name) == before
    good = [{"id": "a", "text": "Short now.", "year": 2}]
    report, _ = load(either, index_name, good, plan)
    assert report.removed == len(before) - 1
    assert list(stored(either, index_name)) == ["a"]


def test_left_overs_of_a_killed_run_are_found_by_the_next(either, index_name):
    """As a kill leaves them: the new version is stored, and of the old one the next passage."""
    load(either, index_name, [{"id": "a", "text": LONG}])
    old = stored(either, index_name)
    short = [{"id": "a", "text": "Short now."}]
    load(either, index_name, short)
    for position in (1, 4):
        body = old[f"a##{position}"]
        either.client.index(index=index_name, id=f"a##{position}", body=body, refresh=True)
    report, encoded = load(either, index_name, short)
    assert (report.skipped, report.removed, encoded) == (1, 2, [])
    assert list(stored(either, index_name)) == ["a"]


def test_best_passage_wins_when_search_collapses_to_documents(either, index_name):
    load(either, index_name, [{"id": "a", "text": LONG}, {"id": "b", "text": "Sentence."}])
    body = {"query": {"match": {"text": "word77"}}, "collapse": {"field": "document_id"}}
    hits = either.client.search(index=index_name, body=body)["hits"]["hits"]
    assert [hit["_source"]["document_id"] for hit in hits] == ["a"]
    assert "word77." in hits[0]["_source"]["text"]


def test_truncated_passages_are_counted_when_splitting_is_off(either, index_name):
    source = [{"id": "a", "text": LONG}, {"id": "b", "text": "Short."}]
    report, _ = load(either, index_name, source, Plan(splitting=Splitting(split=False)))
    assert (report.truncated, report.passages_written) == (1, 2)


def test_an_index_of_another_encoder_is_refused_naming_both(either, index_name):
    load(either, index_name, documents(1))
    with pytest.raises(IndexRefusedError, match=r"57ab.*beef.*`alias`"):
        load(either, index_name, documents(1), fingerprint="beef")


def test_another_dimension_and_foreign_indexes_are_refused(opensearch, index_name):
    body = create_index(opensearch, index_name, StubEncoder(dim=8), shape=Shape())
    with pytest.raises(IndexRefusedError, match=r"8 dimensions and the encoder gives 9"):
        load(opensearch, index_name, documents(1), dim=9)
    foreign = f"{index_name}-foreign"
    opensearch.client.indices.create(index=foreign)
    with pytest.raises(IndexRefusedError, match="not made by Tandem"):
        load(opensearch, foreign, documents(1))
    flat = f"{index_name}-flat"
    body["settings"]["index"]["knn"] = False
    del body["mappings"]["properties"]["vector"]["method"]
    opensearch.client.indices.create(index=flat, body=body)
    with pytest.raises(IndexRefusedError, match=r"index\.knn false"):
        load(opensearch, flat, documents(1))


@pytest.mark.parametrize("name", ["a*", "a,b", "_all"])
def test_a_name_of_several_indexes_is_refused(opensearch, name):
    with pytest.raises(IndexRefusedError, match="name"):
        load(opensearch, name, documents(1))


def test_faiss_on_the_embedded_node_is_refused(opensearch, index_name):
    with pytest.raises(IndexRefusedError, match=r"faiss.*`engine='lucene'`"):
        load(opensearch, index_name, documents(1), Plan(shape=Shape(engine="faiss")))


def test_settings_are_relaxed_while_loading_and_restored(either, index_name):
    seen = []

    def watched():
        for n, document in enumerate(documents(300)):
            if n == 150:
                seen.append(settings_of(either, index_name))
                seen.append(meta_of(either, index_name))
            yield document

    plan = Plan(shape=Shape(replicas=2), force_merge=True)
    load(either, index_name, watched(), plan)
    assert seen[0]["refresh_interval"] == "-1"
    assert LOADING in seen[1]
    assert "refresh_interval" not in settings_of(either, index_name)
    assert LOADING not in meta_of(either, index_name)
    segments = either.client.indices.segments(index=index_name)
    assert len(segments["indices"][index_name]["shards"]["0"][0]["segments"]) == 1


@pytest.mark.long
def test_a_merge_that_the_cluster_does_not_begin_is_told_and_made_up_for(elasticsearch, index_name):
    client, full = elasticsearch.client.cluster, "indices.merge.disk"
    plan = Plan(force_merge=True, writing=Writing(max_outage=1))
    client.put_settings(
        body={"persistent": {f"{full}.check_interval": "100ms", f"{full}.watermark.high": "1%"}}
    )
    try:
        load(elasticsearch, index_name, documents(300))
        report, _ = load(elasticsearch, index_name, documents(600), plan)
        assert (report.written, report.held) == (300, 600)
        (note,) = report.warnings
        assert "holds everything and is not merged" in note
        assert "free disk space" in note
    finally:
        client.put_settings(body={"persistent": {f"{full}.*": None}})
    assert load(elasticsearch, index_name, documents(600), plan)[0].warnings == ()
    segments = elasticsearch.client.indices.segments(index=index_name)
    assert len(segments["indices"][index_name]["shards"]["0"][0]["segments"]) == 1


def test_settings_are_restored_in_a_failed_ending(either, index_name):
    def failing():
        yield from documents(300)
        raise RuntimeError("the source broke")

    load(either, index_name, documents(10))
    with pytest.raises(RuntimeError, match="the source broke"):
        load(either, index_name, failing(), Plan(relax=True))
    assert "refresh_interval" not in settings_of(either, index_name)
    assert LOADING not in meta_of(either, index_name)


def test_an_owners_settings_are_left_unless_asked(either, index_name):
    create_index(either, index_name, StubEncoder(), shape=Shape())
    mine = {"index": {"refresh_interval": "7s"}}
    either.client.indices.put_settings(index=index_name, body=mine)
    seen = []

    def watched():
        seen.append(settings_of(either, index_name)["refresh_interval"])
        yield from documents(3)

    load(either, index_name, watched())
    load(either, index_name, watched(), Plan(relax=True))
    assert seen == ["7s", "-1"]
    assert settings_of(either, index_name)["refresh_interval"] == "7s"


def test_prune_asks_and_removes_what_the_source_lacks(either, index_name):
    load(either, index_name, [*documents(20), {"id": "long", "text": LONG}])
    asked = []

    def answering(answer):
        def confirm(count, sample):
            asked.append((count, sample))
            return answer

        return Plan(confirm_prune=confirm)

    report, _ = load(either, index_name, documents(18), answering(False))
    assert report.pruned == 0
    report, _ = load(either, index_name, documents(18), answering(True))
    assert report.pruned == asked[0][0] == asked[1][0] > 2
    assert stored(either, index_name).keys() == {f"d{n}" for n in range(18)}
    load(either, index_name, documents(18), answering(True))
    assert len(asked) == 2


def test_prune_of_a_blocked_index_is_no_success(either, index_name):
    load(either, index_name, documents(5))
    block = {"index.blocks.write": True}

    def confirm(count, sample):
        either.client.indices.put_settings(index=index_name, body=block)
        return True

    reports = []
    plan = Plan(confirm_prune=confirm)
    with pytest.raises(IngestError, match="takes no writes"):
        ingested(
            documents(3),
            cluster=either,
            index=index_name,
            encoder=StubEncoder(),
            plan=plan,
            reports=reports,
        )
    assert reports[-1].pruned == 0
    assert len(stored(either, index_name)) == 5


def test_a_source_without_documents_prunes_nothing(either, index_name):
    load(either, index_name, documents(5))
    plan = Plan(confirm_prune=lambda count, sample: True)
    with pytest.raises(
        IngestError, match="nothing was pruned, because the source has no documents"
    ):
        load(either, index_name, [], plan)
    assert len(stored(either, index_name)) == 5


def test_prune_keeps_documents_whose_new_version_is_bad(either, index_name, tmp_path):
    load(either, index_name, documents(3))
    plan = Plan(confirm_prune=lambda count, sample: True, rejects=tmp_path / "r")
    report, _ = load(either, index_name, [*documents(2), {"id": "d2", "text": ""}], plan)
    assert (report.rejected, report.pruned) == (1, 0)
    with pytest.raises(IngestError, match="nothing was pruned"):
        load(either, index_name, [*documents(2), {"text": "whose?"}], plan)
    assert len(stored(either, index_name)) == 3


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ({"analyzer": "whitespace", "m": 32}, "`analyzer='whitespace'`, `m=32` cannot be had"),
        ({"shards": 3}, "which was made with shards 1"),
        ({"ef_construction": 50}, "ef_construction 100"),
    ],
)
def test_a_shape_that_an_index_does_not_have_is_refused(either, index_name, shape, said):
    load(either, index_name, documents(2), Plan(shape=Shape(replicas=0)))
    with pytest.raises(IndexRefusedError, match=said):
        load(either, index_name, documents(2), Plan(shape=Shape(**shape)))
    other = f"{index_name}-other"
    load(either, other, documents(2), Plan(shape=Shape(**shape)))
    report, _ = load(either, other, documents(2), Plan(shape=Shape(**shape)))
    assert report.skipped == 2
    # What is left at its default was not asked for.
    report, _ = load(either, other, documents(2))
    assert report.skipped == 2


def test_writing_through_an_alias_of_one_index(either, index_name):
    load(either, index_name, documents(2))
    alias = f"{index_name}-alias"
    either.client.indices.put_alias(index=index_name, name=alias)
    report, _ = load(either, alias, documents(3))
    assert (report.index, report.written, report.skipped) == (index_name, 1, 2)


def test_nothing_to_read_is_a_report_of_zeros(either, index_name):
    report, _ = load(either, index_name, [])
    assert (report.read, report.written) == (0, 0)
    assert either.client.count(index=index_name)["count"] == 0


def test_an_encoders_failure_ends_the_run_with_its_own_error(either, index_name):
    class Broken(StubEncoder):
        def stream_passages(self, texts, stopping=None):
            for n, vector in enumerate(super().stream_passages(texts, stopping)):
                if n == 100:
                    raise MemoryError("no memory for the model")
                yield vector

    reports = []
    with pytest.raises(MemoryError, match="no memory for the model"):
        ingested(
            documents(5000),
            cluster=either,
            index=index_name,
            encoder=Broken(),
            reports=reports,
        )
    assert reports[-1].unfinished > 0


def test_bad_vectors_are_rejected_before_they_are_sent(either, index_name, tmp_path):
    source = documents(6)
    text = [f"{d['title']}\n{d['text']}" for d in source]
    zero = np.zeros(8, np.float32)
    bad = {
        text[0]: zero,
        text[1]: np.full(8, np.nan, np.float32),
        text[2]: np.full(8, np.inf, np.float32),
        text[3]: np.ones(7, np.float32),
    }
    plan = Plan(rejects=tmp_path / "rejects.jsonl")
    report, _ = load(either, index_name, source, plan, bad=bad)
    assert (report.written, report.rejected) == (2, 4)
    lines = [json.loads(line) for line in (tmp_path / "rejects.jsonl").read_text().splitlines()]
    reasons = {line["id"]: line["reason"] for line in lines}
    assert "zero" in reasons["d0"]
    assert "NaN" in reasons["d1"]
    assert "NaN" in reasons["d2"]
    assert "(7,)" in reasons["d3"]
    report, _ = load(either, index_name, tmp_path / "rejects.jsonl")
    assert (report.written, report.rejected) == (4, 0)


def test_ids_from_content(either, index_name, tmp_path):
    source = write_jsonl(tmp_path / "a.jsonl", [{"text": "one"}, {"text": "two"}])
    plan = Plan(reading=Reading(id_from_content=True))
    load(either, index_name, source, plan)
    report, encoded = load(either, index_name, source, plan)
    assert (report.skipped, encoded) == (2, [])


def test_equal_texts_are_one_document_where_ids_are_made_of_them(either, index_name, tmp_path):
    rows = [{"text": "one"}] * 150 + [{"text": "two"}, {"id": "a", "text": "x"}]
    rows += [{"id": "a", "text": "y"}]
    source = write_jsonl(tmp_path / "a.jsonl", rows)
    plan = Plan(reading=Reading(id_from_content=True))
    report, _ = load(either, index_name, source, plan)
    counts = (report.read, report.written, report.skipped, report.rejected)
    assert counts == (153, 3, 149, 1)
    assert report.reasons == {f"the id is taken by line 152 of {source}": 1}
    assert sorted(each["text"] for each in stored(either, index_name).values()) == [
        "one",
        "two",
        "x",
    ]
    report, encoded = load(either, index_name, source, plan)
    assert (report.skipped, report.rejected, encoded) == (152, 1, [])


def test_the_report_holds_what_the_encoder_did_before(opensearch, index_name):
    encoder = StubEncoder()
    encoder.preparation = {"convert": 5.0, "measure": 9.5}
    report = ingest(documents(2), cluster=opensearch, index=index_name, encoder=encoder)
    assert (report.written, report.preparation) == (2, {"convert": 5.0, "measure": 9.5})


def test_from_python_with_the_real_encoder_as_the_design_promises(either, index_name, minilm):
    encoder = Encoder.load(minilm)
    source = [{**d, "text": d["text"] * (1 + n % 7)} for n, d in enumerate(documents(100))]
    report = ingest(source, index=index_name, cluster=either, encoder=encoder)
    promised = {"read": 100, "written": 100, "skipped": 0, "rejected": 0, "index": index_name}
    assert report.to_json().items() >= promised.items()
    assert report.docs_per_second == pytest.approx(100 / report.seconds)
    texts = [f"{d['title']}\n{d['text']}" for d in source]
    expected = encoder.encode_passages(texts)
    ids = [d["id"] for d in source]
    body = {"ids": ids}
    answer = either.client.mget(index=index_name, body=body, _source_includes="vector")
    found = {d["_id"]: d["_source"]["vector"] for d in answer["docs"]}
    vectors = np.array([found[each] for each in ids], np.float32)
    # The encoder batches by what else is there, and in bfloat16 that shows in the last digits.
    assert np.sum(vectors * expected, axis=1).min() > 0.9999
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
    again = ingest(source, index=index_name, cluster=either, encoder=encoder)
    assert (again.written, again.skipped, again.encoded) == (0, 100, 0)
