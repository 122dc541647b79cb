"""The torch engine: batches that do not fit, and threads that are given back."""

import numpy as np
import pytest
import torch

from encoder import EncoderError
from encoder.batching.batches import Item, make_batch
from encoder.engines.torch_engine import TorchEngine


class Small(torch.nn.Module):
    """A network whose device holds so many tokens; the vector of a text is [sum of ids, tokens]."""

    def __init__(self, room, error=torch.OutOfMemoryError("out of memory")):  # noqa: B008
        super().__init__()
        self.room, self.error = room, error
        self.seen = []

    def forward(self, ids, mask, kept):
        self.seen.append(tuple(ids.shape))
        if ids.numel() > self.room:
            raise self.error
        return torch.stack([(ids * kept).sum(1), kept.sum(1)], 1).float()


def batch(*lengths):
    return make_batch([Item(n, list(range(1, length + 1))) for n, length in enumerate(lengths)])


def test_a_batch_that_does_not_fit_is_halved_until_it_does():
    network = Small(room=10)
    engine = TorchEngine(network, "cpu", torch.float32, concurrency=2)
    before = engine.budget
    found = engine.many(batch(5, 5, 4, 4, 1))
    assert found.tolist() == [[15, 5], [15, 5], [10, 4], [10, 4], [1, 1]]
    assert network.seen == [(5, 5), (2, 5), (3, 4), (1, 4), (2, 4)]
    # What follows is made smaller from the start.
    assert engine.budget == before // 4


@pytest.mark.parametrize("said", ["MPS backend out of memory", "can't allocate memory: 9 bytes"])
def test_want_of_memory_is_known_by_its_words_too(said):
    engine = TorchEngine(Small(10, RuntimeError(said)), "cpu", torch.float32, concurrency=1)
    assert engine.many(batch(5, 5, 5)).tolist() == [[15, 5]] * 3


def test_other_errors_are_not_taken_for_want_of_memory():
    network = Small(10, RuntimeError("index out of range"))
    engine = TorchEngine(network, "cpu", torch.float32, concurrency=1)
    with pytest.raises(RuntimeError, match="index out of range"):
        engine.many(batch(5, 5, 5))
    assert len(network.seen) == 1


def test_one_text_that_does_not_fit_is_told():
    engine = TorchEngine(Small(room=3), "cpu", torch.float32, concurrency=1)
    with pytest.raises(EncoderError, match=r"a text of 4 tokens does not fit .* of cpu: allow"):
        engine.many(batch(2, 4))


def test_workers_have_a_thread_each_and_give_the_others_back():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        engine = TorchEngine(Small(room=99), "cpu", torch.float32, concurrency=2)
        with engine.open_workers():
            with engine.open_workers():
                assert torch.get_num_threads() == 1
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
        with pytest.raises(KeyError), engine.open_workers():
            raise KeyError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_vectors_are_float32_whatever_the_network_computes_in():
    found = TorchEngine(Small(room=99), "cpu", torch.bfloat16, concurrency=1).one(batch(3))
    assert found.dtype == np.float32


@pytest.fixture
def sixteen():
    """As many threads as a machine of 16 cores has."""
    before = torch.get_num_threads()
    torch.set_num_threads(16)
    yield
    torch.set_num_threads(before)


class Counting(Small):
    """Notes how many threads torch would use for it."""

    def forward(self, ids, mask, kept):
        self.seen.append(torch.get_num_threads())
        return torch.stack([(ids * kept).sum(1), kept.sum(1)], 1).float()


@pytest.mark.usefixtures("sixteen")
def test_one_text_takes_no_more_threads_than_help():
    network = Counting(room=99)
    engine = TorchEngine(network, "cpu", torch.float32, concurrency=16)
    engine.one(batch(3))
    assert network.seen == [4]
    assert torch.get_num_threads() == 16
    with engine.open_workers():
        engine.one(batch(3))
        assert torch.get_num_threads() == 1
    assert network.seen == [4, 1]
    torch.set_num_threads(2)
    engine.one(batch(3))
    assert network.seen == [4, 1, 2]


@pytest.mark.usefixtures("sixteen")
def test_workers_that_open_while_one_text_is_encoded_keep_their_threads():
    engine = TorchEngine(Small(room=99), "cpu", torch.float32, concurrency=16)
    concurrency = engine.open_workers()

    class Opening(Small):
        def forward(self, ids, mask, kept):
            concurrency.__enter__()
            return super().forward(ids, mask, kept)

    TorchEngine(Opening(room=99), "cpu", torch.float32, concurrency=16).one(batch(3))
    assert torch.get_num_threads() == 1
    concurrency.__exit__(None, None, None)
