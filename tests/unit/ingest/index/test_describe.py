"""What an index says of itself where its service tells less, as those without servers do."""

from cluster import connect
from ingest.index.describe import describe, list_indexes
from ingest.index.existing.diagnosis.judge import diagnose_index
from mappings import EncoderRecord, IndexRecord, Shape, index_body
from query.target import read_target
from tests.unit.cluster.fakes import serving

ROOT = {"version": {"number": "3.6.0", "distribution": "opensearch"}}
BODY = index_body(IndexRecord(EncoderRecord("m", "f", 8, {})), Shape())
MAPPING = BODY["mappings"]
SHARDS = {"total": 1, "successful": 1}


def told(settings):
    """Facts, list, findings and target of an index with these settings."""
    found = {"books": {"aliases": {}, "mappings": MAPPING, "settings": settings}}
    answers = {
        "/": (200, ROOT),
        "/books": (200, found),
        "/*": (200, found),
        "/books/_stats/docs,store": (200, {"indices": {}}),
        "/*/_stats/docs,store": (200, {"indices": {}}),
        "/books/_count": (200, {"count": 3, "_shards": SHARDS}),
        "*": (404, {}),
    }
    with serving(answers) as (url, _), connect(url) as cluster:
        rows = diagnose_index(cluster, "books", lambda record: None)
        facts, (row,) = describe(cluster, "books"), list_indexes(cluster)
        return facts, row, {each.name: each.value for each in rows}, read_target("books", found)


def test_settings_that_are_not_told_are_not_known():
    for settings in ({}, {"index": {"knn": "true", "uuid": "u"}}):
        facts, row, rows, target = told(settings)
        assert (facts["shards"], facts["replicas"], facts["missing_shards"]) == (None, None, 0)
        assert row["missing_shards"] == 0
        assert "replica" not in rows["memory of its graph"]
        assert rows["memory of its graph"].startswith("528 bytes = ")
        assert rows["passages"] == "3 of 1 texts, 3.0 each"
        assert (target.shards, target.replicas) == ({"books": 1}, 0)


def test_those_that_are_told_are_known():
    settings = {"index": {"number_of_shards": "2", "number_of_replicas": "1", "knn": "true"}}
    facts, row, rows, target = told(settings)
    assert (facts["shards"], facts["replicas"], facts["missing_shards"]) == (2, 1, 2)
    assert row["missing_shards"] == 2
    assert rows["memory of its graph"].endswith(", twice with its replica")
    assert (target.shards, target.replicas) == ({"books": 2}, 1)
