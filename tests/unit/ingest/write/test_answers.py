"""What answers mean; the error objects are those that real clusters gave."""

import pytest

from cluster.error_body import reason_of
from ingest.write.client import Fate, judge

BREAKER = {
    "type": "mapper_parsing_exception",
    "reason": "failed to parse field [vector] of type [knn_vector] in document with id '1'. "
    "Preview of field's value: '[" + "0.1, " * 383 + "0.1]'",
    "caused_by": {
        "type": "illegal_state_exception",
        "reason": "Parsing the created knn vector fields prior to indexing has failed as the "
        "circuit breaker triggered.  This indicates that the cluster is low on memory.",
    },
}
CONFLICT = {
    "type": "mapper_parsing_exception",
    "reason": "failed to parse field [year] of type [long] in document with id '3'. "
    "Preview of field's value: 'long ago'",
    "caused_by": {"type": "illegal_argument_exception", "reason": 'For input string: "long ago"'},
}
FLOOD = {
    "type": "cluster_block_exception",
    "reason": "index [r] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage "
    "watermark, index has read-only-allow-delete block];",
}
PRESSURE = {"type": "rejected_execution_exception", "reason": "rejected execution of coordinating"}


@pytest.mark.parametrize(
    ("status", "error", "fate"),
    [
        (200, None, Fate.DONE),
        (201, None, Fate.DONE),
        (400, BREAKER, Fate.RETRY),
        (400, CONFLICT, Fate.REJECT),
        (409, {"type": "version_conflict", "reason": "newer"}, Fate.CONFLICT),
        (429, PRESSURE, Fate.RETRY),
        (429, FLOOD, Fate.BLOCKED),
        (403, {"type": "cluster_block_exception", "reason": "FORBIDDEN/5"}, Fate.BLOCKED),
        (503, {"type": "cluster_block_exception", "reason": "not recovered"}, Fate.RETRY),
        (403, {"type": "security_exception", "reason": "no permissions"}, Fate.FORBIDDEN),
        (404, {"type": "index_not_found_exception", "reason": "no such index"}, Fate.GONE),
        (400, {"type": "index_closed_exception", "reason": "closed"}, Fate.GONE),
        (500, {"type": "node_closed_exception", "reason": "node closed"}, Fate.DOUBT),
        (503, {"type": "unavailable_shards_exception", "reason": "primary"}, Fate.RETRY),
    ],
)
def test_fates(status, error, fate):
    assert judge(status, error).fate is fate


def test_reasons_are_short_and_say_each_thing_once():
    reason = reason_of(BREAKER)
    assert "0.1, 0.1" not in reason
    assert reason.startswith("failed to parse field [vector]")
    assert "circuit breaker triggered" in reason
    assert reason_of(CONFLICT).endswith('For input string: "long ago"')
    twice = {"type": "a", "reason": "same", "caused_by": {"reason": "same"}}
    assert reason_of(twice) == "same"
    assert reason_of({"type": "only_a_type"}) == "only_a_type"
    assert reason_of(None) == reason_of("") == reason_of({}) == "no reason given"
    assert reason_of("plain\ntext") == "plain text"
