"""The stream: in order, lazily, in bounded memory, and ended by any failure."""

import threading
import time
from contextlib import contextmanager
from itertools import count, islice

import numpy as np
import pytest

from encoder import EncoderError
from encoder.batching.streams import MOST_CHARACTERS, POOL_TEXTS, stream
from encoder.batching.tokens import Tokens
from encoder.model.modules import Route, StaticSpec
from tests.support import models


class Lengths:
    """An engine whose vector of a text is [tokens, sum of ids]; it says how busy it was."""

    def __init__(self, concurrency=2, seconds=0.0, fail_at=None):
        self.concurrency, self.budget = concurrency, 256
        self.seconds, self.fail_at = seconds, fail_at
        self.batches = self.texts = 0
        self.now = self.most = 0
        self.open = 0
        self._lock = threading.Lock()

    def one(self, batch):
        return np.stack([batch.lengths, batch.ids.sum(1)], 1).astype(np.float32)

    def many(self, batch):
        with self._lock:
            self.batches += 1
            self.now += 1
            self.most = max(self.most, self.now)
            if self.batches == self.fail_at:
                raise MemoryError("no memory for the model")
        time.sleep(self.seconds)
        with self._lock:
            self.now -= 1
            self.texts += len(batch.numbers)
        return self.one(batch)

    @contextmanager
    def open_workers(self):
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    raw = models.tokenizer("bert").backend_tokenizer
    return Tokens(raw, Route(StaticSpec(tmp_path_factory.mktemp("none"))), "")


def words(number):
    return "fox " * (1 + number * 7 % 40)


def expected(tokens, texts):
    return [[len(ids), sum(ids)] for ids in tokens.ids(texts)]


def test_vectors_come_in_the_order_of_the_texts(tokens):
    texts = [words(n) for n in range(3000)]
    engine = Lengths()
    found = [vector.tolist() for vector in stream(iter(texts), tokens, engine)]
    assert found == expected(tokens, texts)
    assert engine.open == 0


def test_when_stopping_all_that_is_encoded_still_comes(tokens):
    texts = [words(n) for n in range(5000)]
    engine, stopping = Lengths(seconds=0.002), threading.Event()
    found = []
    for vector in stream(iter(texts), tokens, engine, stopping):
        found.append(vector.tolist())
        if len(found) == 500:
            begun = engine.batches
            stopping.set()
    assert engine.batches <= begun + 2 * engine.concurrency
    there = [number for number, vector in enumerate(found) if vector]
    assert len(there) == engine.texts
    assert 500 < len(found) < len(texts)
    right = expected(tokens, texts)
    assert [found[n] for n in there] == [right[n] for n in there]


def test_no_texts_give_no_vectors(tokens):
    assert list(stream([], tokens, Lengths())) == []


def test_all_workers_work_at_the_same_time_and_no_more(tokens):
    engine = Lengths(concurrency=3, seconds=0.01)
    for _ in stream((words(n) for n in range(2000)), tokens, engine):
        pass
    assert engine.most == 3


def test_an_endless_source_is_read_only_a_little_ahead(tokens):
    taken = 0

    def endless():
        nonlocal taken
        for number in count():
            taken += 1
            yield words(number)

    vectors = stream(endless(), tokens, Lengths())
    assert len(list(islice(vectors, 5000))) == 5000
    time.sleep(0.3)
    ahead = taken - 5000
    vectors.close()
    assert ahead < 4 * POOL_TEXTS


@pytest.mark.long
def test_long_texts_are_not_hoarded(tokens):
    taken = given = most = 0
    text = "fox " * 250_000

    def long():
        nonlocal taken, most
        for _ in range(100):
            taken += 1
            most = max(most, taken - given)
            yield text

    for _ in stream(long(), tokens, Lengths()):
        given += 1
    assert given == 100
    assert most <= MOST_CHARACTERS // len(text) + 3


def test_a_failure_of_the_model_ends_the_stream_with_it(tokens):
    engine = Lengths(fail_at=5)
    with pytest.raises(MemoryError, match="no memory for the model"):
        list(stream((words(n) for n in count()), tokens, engine))
    assert engine.open == 0


def test_a_failure_of_the_source_ends_the_stream_with_it(tokens):
    def failing():
        yield from ["fox"] * 10
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(stream(failing(), tokens, Lengths()))


def test_a_text_that_is_none_is_named_by_its_place(tokens):
    texts = [*["fox"] * 700, 17]
    with pytest.raises(EncoderError, match="text 700 is of type int and must be a string"):
        list(stream(texts, tokens, Lengths()))


def test_leaving_early_leaves_no_threads(tokens):
    before = threading.active_count()
    vectors = stream((words(n) for n in range(100_000)), tokens, Lengths())
    next(vectors)
    vectors.close()
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before
