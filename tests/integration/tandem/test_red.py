"""What the other commands say of an index of which a part is on no node."""

import json

import pytest

from evaluation import EvaluationError, mine, tune
from ingest import IndexRefusedError, OutageError, Writing, adopt_index, enrich, remove
from ingest.index.open import open_index
from ingest.run import finish
from ingest.write import refresh
from ingest.write.client import IndexClient
from mappings import Shape
from query import Query, Searcher
from tests.support.commands import tandem
from tests.support.loads import documents, ingested, settings_of
from tests.support.red import partly_red, red
from tests.support.searches import corpus, encoder
from tests.support.stubs import StubEncoder


@pytest.fixture(scope="module")
def part(opensearch):
    with partly_red(opensearch, corpus()) as name:
        yield name


@pytest.fixture(scope="module")
def none(opensearch):
    with red(opensearch) as name:
        yield name


def test_index_list_and_show_say_what_is_missing(opensearch, part, none):
    done = tandem("index", "list", "--json", "--url", opensearch.url)
    rows = {row["index"]: row for row in json.loads(done.out)["indexes"]}
    assert (rows[part]["missing_shards"], rows[none]["missing_shards"]) == (1, 1)
    for name in (part, none):
        assert f"index {name!r} is incomplete: 1 of its shards" in done.err
        shown = tandem("index", "show", name, "--json", "--url", opensearch.url)
        facts = json.loads(shown.out)
        assert (facts["missing_shards"], facts["with_vector"]) == (1, None)
        assert f"Warning: index {name!r} is incomplete: 1 of its shards" in shown.err
    assert 0 < rows[part]["documents"] < len(corpus())


def test_mining_and_tuning_take_no_part_for_the_whole(opensearch, part, tmp_path):
    asked = [Query(f"q{n}", row["text"]) for n, row in enumerate(corpus()[:6])]
    judged = {f"q{n}": {row["_id"]: 1} for n, row in enumerate(corpus()[:6])}
    with Searcher(opensearch, part, encoder=encoder()) as searcher:
        mine(searcher, asked, judged, tmp_path, index=part, judge=None)
        with pytest.raises(EvaluationError, match="shards"):
            tune(searcher, asked, judged, folds=2)
    lines = [json.loads(line) for line in (tmp_path / "mined.jsonl").read_text().splitlines()]
    assert len(lines) == 6
    assert all("shards" in line["error"] and line["neg"] == [] for line in lines)


def test_doctor_names_them(opensearch, part, none):
    done = tandem("doctor", "--json", "--url", opensearch.url)
    (found,) = [f for f in json.loads(done.out)["findings"] if f["name"] == "shards"]
    assert found["value"].startswith("missing of ")
    assert part in found["value"]
    assert none in found["value"]
    assert "_cluster/allocation/explain" in found["cure"]


def test_a_load_is_refused_before_anything_is_encoded(opensearch, part, none):
    for name in (part, none):
        by = encoder()
        with pytest.raises(IndexRefusedError, match=r"is incomplete \(.*shards.*run the same"):
            ingested(documents(5), cluster=opensearch, index=name, encoder=by)
        assert by.encoded == []
        assert settings_of(opensearch, name).get("refresh_interval") is None


@pytest.fixture
def others(opensearch, index_name):
    """An index of others' with its only shard on no node."""
    vector = {"type": "knn_vector", "dimension": 8, "method": {"name": "hnsw", "engine": "lucene"}}
    body = {
        "settings": {"index": {"knn": True, "routing.allocation.require._name": "nobody"}},
        "mappings": {"properties": {"body": {"type": "text"}, "body_vector": vector}},
    }
    here = {"wait_for_active_shards": "0"}
    opensearch.client.indices.create(index=index_name, body=body, params=here)
    return index_name


def test_what_reads_and_writes_is_refused_before_it_begins(opensearch, part, others):
    by = encoder()
    for work in (
        lambda: remove(opensearch, part, ids=["d1"]),
        lambda: enrich(opensearch, part, by),
        lambda: enrich(opensearch, others, by, text_field="body", vector_field="other"),
        lambda: adopt_index(opensearch, others, StubEncoder(), vector_field="body_vector"),
    ):
        with pytest.raises(IndexRefusedError, match=r"is incomplete \(.*shards.*run the same"):
            work()
    assert by.encoded == []
    assert "other" not in opensearch.client.indices.get_mapping(index=others)[others]["mappings"]


def test_who_switches_or_deletes_is_warned(opensearch, part):
    alias = f"{part}-alias"
    done = tandem("index", "switch", alias, part, "--url", opensearch.url)
    opensearch.client.indices.delete_alias(index=part, name=alias)
    assert done.code == 0
    assert f"Warning: index {part!r} is incomplete: 1 of its shards" in done.err
    with red(opensearch) as name:
        done = tandem("index", "delete", name, "--yes", "--url", opensearch.url)
        assert done.code == 0
        assert f"Warning: index {name!r} is incomplete: 1 of its shards" in done.err
        assert not opensearch.client.indices.exists(index=name)


@pytest.mark.long
def test_the_end_of_a_load_waits_for_shards_that_are_away(opensearch, part, monkeypatch):
    monkeypatch.setattr(refresh, "FIRST_LOOK", 100.0)  # the cluster takes 60 for it
    index = open_index(opensearch, part, encoder(), Shape(), "token")
    client = IndexClient(opensearch, part, lambda seconds: None, Writing(max_outage=0.2).max_outage)
    with pytest.raises(OutageError, match="1 of 3 shards are on no node"):
        finish.verify(client, index, 0)
