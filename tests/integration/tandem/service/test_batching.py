"""Texts of several callers, encoded together: who gives up or errs costs no other its answer."""

import threading

import numpy as np
import pytest

from tandem.service.batching import Batcher


class Slow:
    """Gives the lengths of texts, once it may; refuses the empty text."""

    def __init__(self):
        self.begun, self.may = threading.Event(), threading.Event()

    def __call__(self, texts):
        self.begun.set()
        assert self.may.wait(60)
        if "" in texts:
            raise ValueError("empty")
        return np.array([[len(text)] for text in texts], dtype=np.float32)


@pytest.fixture
def slow():
    return Slow()


@pytest.fixture
def batcher(slow):
    made = Batcher(slow, lambda texts: [1] * len(texts), lambda count: None)
    yield made
    slow.may.set()
    made.close()


def test_who_gave_up_stops_nobody(slow, batcher):
    first = batcher.submit(["a"])
    assert slow.begun.wait(60)
    gone, stays = batcher.submit(["bb"]), batcher.submit(["ccc", "dddd"])
    assert gone.cancel()
    slow.may.set()
    assert first.result(60).vectors.tolist() == [[1]]
    assert stays.result(60).vectors.tolist() == [[3], [4]]
    assert batcher.submit(["e"]).result(60).vectors.tolist() == [[1]]


def test_a_text_that_fails_costs_its_caller_alone(slow, batcher):
    first = batcher.submit(["a"])
    assert slow.begun.wait(60)
    bad, good = batcher.submit([""]), batcher.submit(["bb"])
    slow.may.set()
    assert first.result(60).vectors.tolist() == [[1]]
    assert good.result(60).vectors.tolist() == [[2]]
    with pytest.raises(ValueError, match="empty"):
        bad.result(60)


def test_what_comes_meanwhile_is_one_batch_and_counted_where_asked(slow):
    sizes, counted = [], []

    def count(texts):
        counted.append(len(texts))
        return [3] * len(texts)

    made = Batcher(slow, count, sizes.append)
    first = made.submit(["a"])
    assert slow.begun.wait(60)
    rest = [made.submit(["bb"], counted=n == 5) for n in range(60)]
    slow.may.set()
    assert first.result(60).tokens == ()
    assert [each.result(60).tokens for each in rest] == [[3]] * 60
    made.close()
    assert (sizes, counted) == ([1, 60], [60])
