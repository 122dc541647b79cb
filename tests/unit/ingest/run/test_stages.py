"""Threads that are joined by bounded queues, and the time that each stage takes."""

import threading
import time

import pytest

from ingest.run.batch.stages import HEAVIEST, CancelledError, Clock, Flow


def test_items_by_a_short_cut_are_bounded_too():
    made = []

    def make(put):
        for n in range(100):
            made.append(n)
            put(n) if n % 2 else None
            if n % 2 == 0:
                yield n

    flow = Flow()
    items = flow.joined(make, 3, drains=True)
    time.sleep(0.2)
    assert len(made) <= 6
    assert sorted(items) == list(range(100))
    flow.end()


def test_a_slow_consumer_slows_the_producer():
    made = []

    def produce():
        for n in range(100):
            made.append(n)
            yield n

    flow = Flow()
    items = flow.buffered(produce(), 3, drains=True)
    assert next(items) == 0
    time.sleep(0.2)
    assert len(made) <= 6
    assert list(items) == list(range(1, 100))
    flow.end()


def test_heavy_items_wait_singly():
    made = []

    def produce():
        for n in range(10):
            made.append(n)
            yield n

    flow = Flow()
    items = flow.buffered(produce(), 100, drains=True, weigh=lambda item: HEAVIEST)
    time.sleep(0.2)
    assert len(made) <= 3
    assert list(items) == list(range(10))
    flow.end()


def test_a_failure_ends_every_stage_promptly_with_its_own_error():
    flow = Flow()

    def endless():
        while True:
            yield 1

    def fail(item):
        raise ValueError("mine")

    with pytest.raises(CancelledError):
        flow.workers(2, flow.buffered(endless(), 3, drains=True), fail)
    began = time.monotonic()
    flow.end()
    assert time.monotonic() - began < 1
    assert str(flow.error) == "mine"
    assert not [t for t in flow._threads if t.is_alive()]


def test_stopping_drains_only_where_it_must():
    flow = Flow()
    kept = flow.buffered(iter(range(5)), 10, drains=True)
    dropped = flow.buffered(iter(range(5)), 10, drains=False)
    time.sleep(0.05)
    flow.stopping.set()
    assert list(kept) == list(range(5))
    assert list(dropped) == []


def test_a_pause_ends_when_the_run_does():
    flow = Flow()
    threading.Timer(0.1, flow.cancelled.set).start()
    began = time.monotonic()
    with pytest.raises(CancelledError):
        flow.pause(10)
    assert time.monotonic() - began < 2


def test_shares_of_the_time():
    clock = Clock()

    def slow():
        for n in range(4):
            time.sleep(0.05)
            yield n

    def doubled(items):
        for item in items:
            yield item * 2

    found = clock.timed("split", doubled(clock.waited(clock.timed("read", slow()), "split")))
    assert list(found) == [0, 2, 4, 6]
    shares = clock.shares()
    assert shares["read"] > 0.8
    assert shares["split"] < 0.2
