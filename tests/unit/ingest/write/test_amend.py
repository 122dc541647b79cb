"""Deletes and updates are settled item by item, whatever the request's own status says."""

import time
from contextlib import nullcontext
from types import SimpleNamespace

import orjson
import pytest

from cluster.error_body import forbidden
from cluster.errors import MissingRightError
from ingest import BlockedError, IngestError
from ingest.records import Version
from ingest.write import updates
from ingest.write.client import IndexClient

BUSY = (429, {"type": "rejected_execution_exception", "reason": "queue is full"})
BROKEN = (500, {"type": "illegal_state_exception", "reason": "engine is closed"})
FULL = (
    403,
    {
        "type": "cluster_block_exception",
        "reason": "index [a] blocked by: [FORBIDDEN/8/index write]",
    },
)
UNREADABLE = (
    403,
    {
        "type": "cluster_block_exception",
        "reason": "index [a] blocked by: [FORBIDDEN/7/index read (api)]",
    },
)
NO_RIGHT = (
    403,
    {"type": "security_exception", "reason": "no permissions for [indices:data/write/update]"},
)
CONFLICT = {"status": 409, "error": {"type": "version_conflict_engine_exception", "reason": "no"}}
REFUSED = (400, {"type": "mapper_parsing_exception", "reason": "failed to parse"})


class Cluster:
    """A bulk end point over a set of ids; trouble: id -> the answers of its first items.

    As a real one, it looks at the version first: what is gone is a conflict.
    """

    def __init__(self, ids, trouble, changed=()):
        self.ids, self.trouble, self.changed, self.asked = set(ids), trouble, changed, []
        self.client = SimpleNamespace(transport=self)

    def explaining(self):
        return nullcontext()

    def refusal(self, reason):
        return forbidden(reason, "user 'a'", "http://127.0.0.1:9200", list)

    def perform_request(self, method, path, params, body, headers):
        if path.endswith("/_mget"):
            return {"docs": [{"_id": each, "found": each in self.ids} for each in body["ids"]]}
        lines = [orjson.loads(line) for line in body.splitlines()]
        heads = [line for line in lines if "doc" not in line]
        self.asked.append([value["_id"] for head in heads for value in head.values()])
        return {
            "items": [{name: self.one(name, head[name]["_id"])} for head in heads for name in head]
        }

    def one(self, name, passage):
        if waiting := self.trouble.get(passage):
            status, error = waiting.pop(0)
            return {"_id": passage, "status": status, "error": error}
        found = passage in self.ids and passage not in self.changed
        if found and name == "delete":
            self.ids.discard(passage)
        return {"_id": passage, "status": 200} if found else {"_id": passage, **CONFLICT}


def link_to(cluster):
    return IndexClient(cluster, "a", time.sleep, max_outage=60.0)


def versions(ids):
    return [Version(each, 3, 1, None) for each in ids]


def test_only_what_failed_is_sent_again_and_only_what_went_is_counted():
    cluster = Cluster("abc", {"b": [BUSY, BUSY]})
    client = link_to(cluster)
    assert updates.delete(client, versions(["a", "b", "gone", "c"])) == updates.Changes(done=3)
    assert cluster.asked == [["a", "b", "gone", "c"], ["b"], ["b"]]
    assert (cluster.ids, client.retries) == (set(), 2)


def test_what_somebody_changed_stays_and_is_told_from_what_is_gone():
    cluster = Cluster("abc", {"c": [BUSY]}, changed={"b", "c"})
    changes = updates.delete(link_to(cluster), versions(["a", "b", "gone", "c"]))
    assert changes == updates.Changes(done=1, kept=2)
    assert cluster.ids == {"b", "c"}


def test_many_go_in_pages():
    cluster = Cluster(map(str, range(2500)), {})
    assert updates.delete(link_to(cluster), versions(map(str, range(2500)))).done == 2500
    assert [len(each) for each in cluster.asked] == [1000, 1000, 500]


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (FULL, BlockedError, "takes no writes"),
        (UNREADABLE, BlockedError, r"takes no reads .* lift the block with PUT /.*blocks\.read"),
        (NO_RIGHT, MissingRightError, "lacks the index permission indices:data/write/update on"),
        (REFUSED, IngestError, "refuses to change a passage .*failed to parse"),
    ],
)
def test_what_does_not_pass_is_raised(answer, error, said):
    cluster = Cluster("ab", {"b": [answer]})
    with pytest.raises(error, match=said):
        updates.update(link_to(cluster), versions("ab"), {"content_hash": ""})


def test_what_may_never_pass_is_tried_a_few_times():
    passing = Cluster("a", {"a": [BROKEN] * 2})
    assert updates.update(link_to(passing), versions("a"), {"x": 1}).done == 1
    lasting = Cluster("a", {"a": [BROKEN] * 99})
    with pytest.raises(IngestError, match="engine is closed"):
        updates.update(link_to(lasting), versions("a"), {"x": 1})
    assert len(lasting.asked) == 6
