"""One answer to whether something is a vector that a cluster can compare."""

import numpy as np
import pytest

from tandem.base.vectors import VectorFault, as_vector, cosine


@pytest.mark.parametrize(
    "given", [[3, 4.0], (3, 4), np.array([3, 4]), np.array([3, 4], dtype=np.float64)]
)
def test_numbers_of_any_kind_are_float32(given):
    found = as_vector(given, 2)
    assert found.dtype == np.float32
    assert found.tolist() == [3.0, 4.0]


def test_what_is_float32_already_is_not_copied():
    given = np.ones(3, dtype=np.float32)
    assert as_vector(given, 3) is given


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (["a", "b"], "numbers"),
        ([[1, 2], [3]], "numbers"),
        (None, "shape"),
        (1.0, "shape"),
        ([1.0], "shape"),
        ([[1.0, 2.0]], "shape"),
        ([1.0, float("nan")], "finite"),
        ([1.0, float("-inf")], "finite"),
        ([1e39, 0.0], "finite"),
        ([10**400, 0], "numbers"),
        ([0.0, 0.0], "zero"),
        ([1e-20, 0.0], "length"),
        ([1e-50, 0.0], "zero"),
        ([1e20, 0.0], "length"),
    ],
)
def test_what_no_cluster_can_compare(given, kind):
    found = as_vector(given, 2)
    assert isinstance(found, VectorFault)
    assert found.kind == kind


def test_cosines():
    one, other = np.array([3, 4], dtype=np.float32), np.array([6, 8], dtype=np.float32)
    assert cosine(one, other) == pytest.approx(1.0)
    assert cosine(one, -other) == pytest.approx(-1.0)
    assert cosine(one, np.zeros(2, dtype=np.float32)) == 0.0
    assert cosine(one, np.ones(3, dtype=np.float32)) == 0.0
