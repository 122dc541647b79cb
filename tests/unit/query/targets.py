"""Descriptions of indexes as a cluster gives them, and capabilities, for tests without one."""

from cluster import Capabilities
from mappings import EncoderRecord, IndexRecord, Shape, index_body
from query.answer.results import Hit
from query.body.prepare import prepare
from query.body.search_plan import plan_searches
from query.target import read_target

OPENSEARCH = Capabilities("opensearch", (3, 6, 0), "3.6.0", False, True, True, ("lucene", "faiss"))
ELASTICSEARCH = Capabilities("elasticsearch", (9, 5, 3), "9.5.3", False, True, False, ())
FIELDS = {
    "lang": {"type": "keyword"},
    "year": {"type": "long"},
    "price": {"type": "float"},
    "open": {"type": "boolean"},
    "added": {"type": "date"},
    "notes": {"type": "text"},
    "host": {"type": "ip"},
    "place": {"type": "geo_point"},
    "name": {"type": "text", "fields": {"raw": {"type": "keyword"}}},
    "author": {"properties": {"name": {"type": "keyword"}}},
    "tags": {"type": "flat_object"},
    "parts": {"type": "nested", "properties": {"of": {"type": "keyword"}}},
    "seen": {
        "type": "nested",
        "include_in_parent": True,
        "properties": {"by": {"type": "keyword"}},
    },
}


def opensearch(version, *, neural=True, text=None):
    """Capabilities of an OpenSearch of a version."""
    shown = text or ".".join(map(str, version)) or "unknown"
    return Capabilities("opensearch", version, shown, False, True, neural, ("lucene", "faiss"))


def described(distribution="opensearch", shards=1, dimension=3, fingerprint="57ab", **changes):
    """One index's entry in GET /INDEX, of an index that Tandem made, with more fields."""
    record = IndexRecord(EncoderRecord("stub", fingerprint, dimension))
    body = index_body(record, Shape(shards=shards), distribution)
    body["mappings"]["properties"] |= FIELDS
    index = body["settings"]["index"]
    settings = {name: str(value).lower() for name, value in index.items()}
    body["settings"]["index"] = {**settings, **changes}
    return body


def target(**options):
    """A Target of one index called books."""
    return read_target("books", {"books": described(**options)})


def hits_of(*ids, **more):
    """Hits of these ids, in this order."""
    return tuple(
        Hit(n, each, 1 / n, f"text {each}", {"text": f"text {each}"}, **more)
        for n, each in enumerate(ids, start=1)
    )


def planned(question, books, can, vector):
    """The searches of a question, as they would be sent."""
    return plan_searches(prepare(question, books, can), vector)
