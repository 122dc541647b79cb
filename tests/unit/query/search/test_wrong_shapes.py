"""Whatever part of an answer is something else or missing, a search says so in one sentence."""

import copy
from contextlib import suppress

import pytest

from cluster import connect
from query import Searcher, Tuning
from tandem.base.errors import TandemError
from tests.servers.wrong import Reply, answering, cluster_like
from tests.support.stubs import StubEncoder
from tests.unit.query.targets import described

BOOKS = {"books": described(dimension=8) | {"aliases": {"novels": {}}}}
AGGREGATIONS = {
    "facet-0": {
        "doc_count_error_upper_bound": 0,
        "sum_other_doc_count": 0,
        "buckets": [{"key": "en", "doc_count": 2, "documents": {"value": 2}}],
    },
    "documents": {"value": 2},
}
HIT = {"_index": "books", "_id": "d", "_score": 0.5, "_source": {"text": "a", "document_id": "d"}}
FOUND = {
    "took": 1,
    "timed_out": False,
    "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
    "hits": {"total": {"value": 1, "relation": "eq"}, "hits": [HIT]},
    "aggregations": AGGREGATIONS,
}
LEG = {"technique": "min_max", "parameters": {"weights": [0.5, 0.5]}}
PROCESSOR = {"normalization-processor": {"normalization": LEG, "combination": LEG}}
PIPELINE = {"p": {"phase_results_processors": [PROCESSOR]}}
PLUGINS = [{"component": "opensearch-knn"}, {"component": "opensearch-neural-search"}]
# What is asked for -> the whole answer to it.
ANSWERS = {
    "/_cat/plugins": PLUGINS,
    "/books": BOOKS,
    "/books/_search": FOUND,
    "/_search/pipeline/p": PIPELINE,
}


class _Lacks:
    def __repr__(self):
        return "lacks"


LACKS = _Lacks()
# Of the searches below, each in one request or with another.
ASKED = [
    {"mode": "bm25"},
    {"mode": "bm25", "sort": ["year"]},
    {"mode": "bm25", "facets": ["lang"], "total": True},
    {"mode": "knn", "collapse": True, "total": True},
    {"mode": "hybrid", "explain": True},
    {"mode": "hybrid", "tuning": Tuning(pipeline="p")},
]


def places(value, path=()):
    yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, key))


def changed(value, path, new):
    if not path:
        return new
    value = copy.copy(value)
    if len(path) == 1 and new is LACKS:
        del value[path[0]]
    else:
        value[path[0]] = changed(value[path[0]], path[1:], new)
    return value


@pytest.mark.parametrize("where", ["/books", "/books/_search", "/_search/pipeline/p"])
@pytest.mark.parametrize("new", [None, "text", -7, [], {}, LACKS], ids=repr)
def test_a_wrong_answer_is_one_sentence(where, new):
    now = dict(ANSWERS)

    def answer(asked):
        path = asked.path.partition("?")[0]
        if path == "/_msearch":
            found = now["/books/_search"]
            return Reply({"responses": [found] * (asked.body.count(b"\n") // 2)})
        return Reply(now[path]) if path in now else cluster_like(lambda each: None)(asked)

    with answering(answer) as (url, _), connect(url) as cluster:
        for place in places(ANSWERS[where]):
            if new is LACKS and not place:
                continue
            now[where] = changed(ANSWERS[where], place, new)
            for asked in ASKED:
                with (
                    Searcher(cluster, "books", encoder=StubEncoder()) as searcher,
                    suppress(TandemError),
                ):
                    searcher.search("a", **asked)
