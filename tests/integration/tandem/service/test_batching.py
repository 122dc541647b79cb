"""Texts of several callers, encoded together: who gives up or errs costs no other its answer."""

import asyncio
import threading

import numpy as np
import pytest

from tandem.service.batching import WORTH, Batcher


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


def test_coroutines_get_tokens_too_and_who_gave_up_stops_nobody(slow, batcher):
    async def asked():
        first = batcher.submit(["a"])
        assert await asyncio.to_thread(slow.begun.wait, 60)
        gone, stays, bad = map(batcher.encoded, (["bb"], ["ccc", "dddd"], [""]))
        searching = batcher.submit(["e"])
        gone.cancel()
        slow.may.set()
        found = await asyncio.wait_for(stays, 60)
        with pytest.raises(ValueError, match="empty"):
            await asyncio.wait_for(bad, 60)
        return found, [each.result(60).tokens for each in (first, searching)]

    found, of_threads = asyncio.run(asked())
    assert (found.vectors.tolist(), found.tokens) == ([[3], [4]], [1, 1])
    assert of_threads == [[], []]  # who searches asks for none


def test_what_comes_meanwhile_is_one_batch_and_counted_where_asked(slow):
    sizes, counted = [], []

    def count(texts):
        counted.append(len(texts))
        return [3] * len(texts)

    made = Batcher(slow, count, sizes.append)

    async def asked():
        first = made.submit(["a"])
        assert await asyncio.to_thread(slow.begun.wait, 60)
        rest = [made.submit(["bb"]) for _ in range(WORTH - 3)]
        counting = made.encoded(["cc", "dd"])
        slow.may.set()
        assert (await asyncio.wait_for(counting, 60)).tokens == [3, 3]
        return [first, *rest]

    assert all(each.result(60).tokens == [] for each in asyncio.run(asked()))
    made.close()
    assert (sizes, [n for n in counted if n]) == ([1, WORTH - 1], [2])


def test_enough_texts_are_a_second_batch_beside_the_first(slow):
    sizes, second = [], threading.Event()

    def seen(count):
        sizes.append(count)
        if len(sizes) == 2:
            second.set()

    made = Batcher(slow, lambda texts: [1] * len(texts), seen)
    first = made.submit(["a"])
    assert slow.begun.wait(60)
    rest = [made.submit(["bb"]) for _ in range(WORTH - 1)]
    assert not second.is_set()
    rest.append(made.submit(["bb"]))
    assert second.wait(60)  # while the first is still encoded
    assert not first.done()
    slow.may.set()
    assert all(each.result(60).vectors.tolist() == [[2]] for each in rest)
    made.close()
    assert sizes == [1, WORTH]
