"""What a walk through an index knows of what it gave already."""

import tracemalloc

import numpy as np

from ingest.index.existing.enrich.walk import Known


def test_keys_that_are_known():
    assert Known(()).have([1, -7]) == [False, False]
    assert Known((5, -7, 2**63 - 1)).have([5, 6, -7, -8, 2**63 - 1]) == [
        True,
        False,
        True,
        False,
        True,
    ]
    assert Known((5,)).have([]) == []


def test_a_key_takes_eight_bytes():
    keys = range(0, 10**9, 10**4)
    tracemalloc.start()
    try:
        known = Known(keys)
        # Of arrays alone: threads of other tests' servers take memory at the same time.
        arrays = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
        traces = tracemalloc.take_snapshot().filter_traces([arrays]).traces
    finally:
        tracemalloc.stop()
    taken = sum(each.size for each in traces)
    assert 8 * len(keys) <= taken < 1.1 * 8 * len(keys)
    assert known.have([10**4, 1]) == [True, False]
