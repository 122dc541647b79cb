"""Many hybrid queries of one shard: ranked first, then the documents of their hits are read."""

import json

import pytest

from cluster import connect
from query import Searcher
from tests.support.stubs import StubEncoder
from tests.unit.cluster.fakes import serving
from tests.unit.query.search.test_flow import answer, answers
from tests.unit.query.targets import described

ASKED = [("q1", "water"), ("q2", "wool")]
# Sequence number -> the document that has it: the second query finds none that the first does.
STORED = {7: "a", 3: "b", 9: "c"}
RANKED = [[7, 3], [9]]


def ranked(numbers, shards=1):
    hits = [
        {"_index": "books", "_seq_no": number, "_primary_term": 1, "_score": 0.9 - place / 10}
        for place, number in enumerate(numbers)
    ]
    return {
        **answer()[1],
        "_shards": {"total": shards, "successful": shards},
        "hits": {"hits": hits},
    }


def read(numbers, index="books"):
    """In another order than they were ranked in."""
    found = answer(*(STORED[number] for number in sorted(numbers)), index=index)[1]
    for hit, number in zip(found["hits"]["hits"], sorted(numbers), strict=True):
        hit |= {"_seq_no": number, "_primary_term": 1, "_score": 1.0}
    return found


def bodies(sent):
    return [json.loads(line) for line in sent.splitlines()[1::2]]


class Server:
    """Ranks as RANKED says, and reads what it is asked for; what it saw is in `kinds`."""

    def __init__(self, shards=1, reading=read):
        self.shards, self.reading, self.kinds = shards, reading, []

    def many(self, sent):
        asked = bodies(sent)
        if "_seq_no" not in str(asked[0]["query"]):
            self.kinds.append("rank")
            assert all(body["stored_fields"] == "_none_" for body in asked)
            return 200, {"responses": [ranked(each, self.shards) for each in RANKED]}
        self.kinds.append("read")
        assert not any("hybrid" in body["query"] for body in asked)
        numbers = [body["query"]["terms"]["_seq_no"] for body in asked]
        return 200, {"responses": [self.reading(each) for each in numbers]}

    def whole(self, sent):
        body = json.loads(sent)
        self.kinds.append("whole")
        assert "stored_fields" not in body
        text = body["query"]["hybrid"]["queries"][0]["multi_match"]["query"]
        return answer(*{"water": "ab", "wool": "c"}[text])


def searched(server, **options):
    entry = described(number_of_replicas="0", uuid="u1")
    prepared = {
        "/books": (200, {"books": entry}),
        "/_msearch": server.many,
        "/books/_search": server.whole,
    }
    with serving(answers(**prepared)) as (url, _), connect(url) as cluster:
        searcher = Searcher(cluster, "books", encoder=StubEncoder(dim=3))
        found = list(searcher.search_many(ASKED, mode="hybrid", **options))
    assert [each.error for each in found] == [None, None]
    return [[hit.id for hit in each.result] for each in found], found


def test_the_documents_of_all_hits_are_read_in_one_request_and_stand_as_they_were_ranked():
    server = Server()
    ids, found = searched(server)
    assert ids == [["a", "b"], ["c"]]
    assert server.kinds == ["rank", "read"]
    assert [(hit.rank, hit.score, hit.text) for hit in found[0].result] == [
        (1, 0.9, "a"),
        (2, 0.8, "b"),
    ]


def changed(numbers):
    return read([number for number in numbers if number != 3])


def of_another_index(numbers):
    return read(numbers, index="books" if 9 in numbers else "books-2")


def refused(numbers):
    return {"error": {"type": "x", "reason": "y"}, "status": 500} if 7 in numbers else read(numbers)


@pytest.mark.parametrize("reading", [changed, of_another_index, refused])
def test_a_query_is_searched_whole_where_a_document_is_not_as_it_was_ranked(reading):
    server = Server(reading=reading)
    assert searched(server)[0] == [["a", "b"], ["c"]]
    assert server.kinds == ["rank", "read", "whole"]


def test_the_numbers_of_several_shards_are_not_taken_for_documents():
    server = Server(shards=2)
    assert searched(server)[0] == [["a", "b"], ["c"]]
    assert server.kinds[2:] == ["whole", "whole"]
