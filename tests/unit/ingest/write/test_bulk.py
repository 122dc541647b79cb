"""Requests of a bounded size, whatever the encoder's pace and the cluster's limit."""

import time

from ingest.records import Action
from ingest.settings import Writing
from ingest.write.bulk import LONGEST_WAIT, SMALLEST_REQUEST, Budget, requests
from tests.unit.ingest.documents import passages


def test_requests_are_bounded_in_bytes_and_in_count():
    items = [
        Action(passages(n, 1)[0], b"x" * size) for n, size in enumerate([4, 4, 4, 20, 1, 1, 1])
    ]
    sizes = [
        [len(a.data) for a in group]
        for group in requests(iter(items), Writing(max_bytes=10, max_count=3))
    ]
    assert sizes == [[4, 4], [4], [20], [1, 1, 1]]


def test_what_a_slow_encoder_made_does_not_wait_for_a_full_request():
    def slow():
        for n in range(6):
            time.sleep(0.3 * LONGEST_WAIT)
            yield Action(passages(n, 1)[0], b"x")

    groups = [len(group) for group in requests(slow(), Writing())]
    assert sum(groups) == 6
    assert max(groups) < 6


def test_the_budget_shrinks_and_grows_back_but_not_over_what_is_too_large():
    budget = Budget(1_000_000)
    budget.shrink()
    assert budget.bytes == 500_000
    for _ in range(20):
        budget.shrink()
    assert budget.bytes == SMALLEST_REQUEST
    for _ in range(100):
        budget.grow()
    assert budget.bytes == 1_000_000
    budget.too_large(800_000)
    assert budget.bytes == 400_000
    for _ in range(100):
        budget.grow()
    assert budget.bytes == 799_999
