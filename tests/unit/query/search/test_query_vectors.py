"""Vectors of queries: as many as were asked for, and kept."""

import threading

import numpy as np
import pytest

from query.errors import QueryError, TargetError
from query.search.query_vectors import Encoders, VectorCache
from tests.support.stubs import StubEncoder
from tests.unit.query.targets import target


def test_vectors_are_kept_and_the_least_recently_used_go_first():
    encoder, cache = StubEncoder(), VectorCache(2)
    first = cache.encode(encoder, ["a", "b", "a"])
    assert encoder.asked == ["a", "b"]
    assert np.array_equal(first[0], encoder.vector("a"))
    assert first[0] is first[2]
    cache.encode(encoder, ["a"])
    cache.encode(encoder, ["c"])  # b goes
    assert len(cache) == 2
    encoder.asked.clear()
    cache.encode(encoder, ["a", "c", "b"])
    assert encoder.asked == ["b"]
    assert cache.kept("57ab", ["c", "b"]) is not None
    assert cache.kept("57ab", ["c", "a"]) is None


def test_vectors_of_two_encoders_are_not_mixed_up():
    cache = VectorCache()
    one = cache.encode(StubEncoder(dim=4), ["a"])[0]
    other = cache.encode(StubEncoder(dim=5, fingerprint="beef"), ["a"])[0]
    assert (one.shape, other.shape) == ((4,), (5,))


def test_kept_vectors_cannot_be_changed_and_hold_no_batch():
    vector = VectorCache().encode(StubEncoder(), ["a", "b"])[0]
    assert vector.base is None
    with pytest.raises(ValueError, match="read-only"):
        vector[0] = 1


def test_a_cache_of_0_keeps_none():
    encoder, cache = StubEncoder(), VectorCache(0)
    cache.encode(encoder, ["a"])
    cache.encode(encoder, ["a"])
    assert (encoder.asked, len(cache)) == (["a", "a"], 0)


def test_kept_vectors_are_safe_to_share():
    encoder, cache = StubEncoder(), VectorCache(8)
    wrong = []

    def work(seed):
        for n in np.random.default_rng(seed).integers(16, size=300):
            if not np.array_equal(cache.encode(encoder, [str(n)])[0], encoder.vector(str(n))):
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(cache) == 8


def test_another_encoder_is_refused_naming_both_fingerprints():
    encoders = Encoders(StubEncoder(dim=3, fingerprint="beef"))
    for encode in (encoders.encode, encoders.kept):
        with pytest.raises(TargetError, match=r"57ab.*beef.*two models do not compare"):
            encode(["a"], target())


def test_an_encoder_of_ones_own_that_gives_too_few_vectors_is_told():
    class Short(StubEncoder):
        def encode_queries(self, texts):
            return super().encode_queries(texts)[1:]

    with pytest.raises(QueryError, match="the encoder stub gives 1 vectors for 2 queries"):
        VectorCache().encode(Short(), ["a", "b"])
