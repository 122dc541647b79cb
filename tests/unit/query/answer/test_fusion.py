"""The formulas of fusion, by hand arithmetic, and each of the server's departures."""

import math

import numpy as np
import pytest

from mappings import Fusion
from query.answer.fusion import combine, formula, l2, min_max, reciprocal_ranks, z_score


def f32(*values):
    return np.array(values, dtype=np.float32)


def close(found, *expected):
    assert found.dtype == np.float32
    assert found.tolist() == pytest.approx(expected, abs=1e-6)


def test_min_max():
    close(min_max(f32(8, 6, 4)), 1.0, 0.5, 0.001)


def test_min_max_of_equal_scores_is_1_however_weak():
    close(min_max(f32(0.1)), 1.0)
    close(min_max(f32(0.2, 0.2)), 1.0, 1.0)


def test_l2():
    close(l2(f32(4, 3)), 0.8, 0.6)
    close(l2(f32(0, 0)), 0, 0)


def test_z_score_uses_the_deviation_of_a_sample():
    # mean 3, deviation sqrt((4 + 0 + 4) / 2) = 2; at the mean stays the highest raw score.
    close(z_score(f32(5, 3, 1)), 1.0, 5.0, 0.001)


def test_z_score_of_a_single_hit_is_its_raw_score():
    close(z_score(f32(9)), 9.0)
    close(z_score(f32(2, 2)), 2.0, 2.0)


def test_reciprocal_ranks():
    close(reciprocal_ranks(3, 60), 1 / 61, 1 / 62, 1 / 63)
    close(reciprocal_ranks(1, 1), 0.5)


@pytest.mark.parametrize("normalise", [min_max, l2, z_score])
def test_no_hits_are_no_scores(normalise):
    assert normalise(f32()).shape == (0,)


@pytest.mark.parametrize(
    ("combination", "expected"),
    [
        # Weights 0.3 and 0.7; one hit in both legs, one in each alone, one at 0 in both.
        ("arithmetic_mean", (0.3 * 0.5 + 0.7 * 0.8, 0.3 * 0.5, 0.7 * 0.8, 0.0)),
        ("geometric_mean", (math.exp(0.3 * math.log(0.5) + 0.7 * math.log(0.8)), 0.5, 0.8, 0.0)),
        ("harmonic_mean", (1 / (0.3 / 0.5 + 0.7 / 0.8), 0.5, 0.8, 0.0)),
    ],
)
def test_means_and_missing_legs(combination, expected):
    values = np.array([[0.5, 0.8], [0.5, 0], [0, 0.8], [0, 0]], dtype=np.float32)
    close(
        combine(Fusion(technique="l2", combination=combination, weights=(0.3, 0.7)), values),
        *expected,
    )


def test_a_mean_is_over_the_weights_though_they_need_not_add_up_to_1_exactly():
    values = np.array([[1.0, 1.0]], dtype=np.float32)
    for combination in ("arithmetic_mean", "geometric_mean", "harmonic_mean"):
        close(
            combine(Fusion(technique="l2", combination=combination, weights=(0.5, 0.495)), values),
            1.0,
        )


def test_rrf_adds_and_its_weights_multiply():
    values = np.array([[1 / 61, 1 / 63], [1 / 61, 0]], dtype=np.float32)
    close(combine(Fusion(technique="rrf"), values), 1 / 61 + 1 / 63, 1 / 61)
    close(
        combine(Fusion(technique="rrf", weights=(0.2, 0.8)), values), 0.2 / 61 + 0.8 / 63, 0.2 / 61
    )


def test_a_weight_of_0_leaves_the_other_leg():
    values = np.array([[0.5, 0.8], [0.5, 0]], dtype=np.float32)
    for combination in ("arithmetic_mean", "geometric_mean", "harmonic_mean"):
        close(
            combine(Fusion(technique="l2", combination=combination, weights=(0.0, 1.0)), values),
            0.8,
            0.0,
        )


@pytest.mark.parametrize(
    "fusion",
    [
        Fusion(),
        Fusion(technique="l2", combination="geometric_mean"),
        Fusion(technique="l2", combination="harmonic_mean", weights=(0.6, 0.4)),
        Fusion(technique="rrf"),
        Fusion(technique="rrf", weights=(0.2, 0.8)),
    ],
)
@pytest.mark.parametrize("values", [(0.25, 0.8), (0.25, 0.0), (0.0, 0.8)])
def test_the_formula_for_people_gives_the_score(fusion, values):
    text = formula(fusion, values).replace(" x ", " * ")
    expected = combine(fusion, np.array([values], dtype=np.float32))[0]
    found = eval(text, {"exp": math.exp, "ln": math.log})
    assert found == pytest.approx(float(expected), abs=1e-4)
