"""Vectors that cannot be compared are refused before they are sent."""

import numpy as np
import pytest

from query.body.knn import check_vector
from query.errors import TargetError, TextError
from query.target import VectorField
from tests.unit.query.targets import target

LUCENE = VectorField("vector", 3, "cosinesimil", "lucene", False)


@pytest.mark.parametrize(
    ("vector", "kind", "said"),
    [
        ([1, 0], TargetError, "has 3 dimensions and the query's vector has 2"),
        ([[1, 0, 0]], TargetError, "has 3 dimensions and the query's vector has 1 x 3"),
        ([0, 0, 0], TextError, "zero, which has no cosine"),
        ([1e-23, 1e-23, 0], TextError, "length 1.41e-23, .* from 1e-15 to 1e.15"),
        ([1e38, 1e38, 0], TextError, r"length 1.41e\+38, which the cluster cannot square"),
        ([1, float("nan"), 0], TextError, "NaN or infinite"),
        ([1, float("inf"), 0], TextError, "NaN or infinite"),
    ],
)
def test_vectors_that_the_cluster_would_refuse(vector, kind, said):
    with pytest.raises(kind, match=said):
        check_vector(np.array(vector, dtype=np.float32), LUCENE, target())


def test_long_and_short_vectors_that_can_be_compared():
    for length in (1e-14, 1e14):
        check_vector(np.full(3, length, dtype=np.float32), LUCENE, target())
