"""Vectors of queries: as many as were asked for, and kept."""

import pytest

from query.errors import QueryError
from query.search.query_vectors import VectorCache
from tests.support.stubs import StubEncoder


def test_an_encoder_of_ones_own_that_gives_too_few_vectors_is_told():
    class Short(StubEncoder):
        def encode_queries(self, texts):
            return super().encode_queries(texts)[1:]

    with pytest.raises(QueryError, match="the encoder stub gives 1 vectors for 2 queries"):
        VectorCache().encode(Short(), ["a", "b"])
