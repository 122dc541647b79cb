"""Scores and cosines, both ways, for every engine and version."""

import pytest

from query.body.knn import cosine_scale

HALF = [
    ("cosinesimil", "lucene", (3, 6, 0)),
    ("cosinesimil", "lucene", (2, 11)),
    ("cosinesimil", "lucene", ()),
    ("cosinesimil", "faiss", (2, 19)),
    ("cosinesimil", "nmslib", (2, 19)),
    ("cosine", None, (9, 5, 3)),
    ("cosine", None, ()),
]


@pytest.mark.parametrize(("space", "engine", "version"), HALF)
def test_half_of_one_plus_the_cosine(space, engine, version):
    scale = cosine_scale(space, engine, version)
    assert [scale.to_cosine(score) for score in (0.0, 0.5, 0.75, 1.0)] == [-1, 0, 0.5, 1]
    assert [scale.to_score(cosine) for cosine in (-1, 0, 0.5, 1)] == [0, 0.5, 0.75, 1]


def test_nmslib_before_2_19_had_a_formula_of_its_own():
    scale = cosine_scale("cosinesimil", "nmslib", (2, 18))
    for cosine, score in ((1.0, 1.0), (0.0, 0.5), (-1.0, 1 / 3), (0.5, 1 / 1.5)):
        assert scale.to_score(cosine) == pytest.approx(score)
        assert scale.to_cosine(score) == pytest.approx(cosine)


@pytest.mark.parametrize(
    ("space", "engine", "version"),
    [
        ("l2", "lucene", (3, 6)),
        ("innerproduct", "faiss", (3, 6)),
        ("dot_product", None, (9, 5)),
        ("cosinesimil", "nmslib", ()),
    ],
)
def test_what_does_not_tell_the_cosine_has_no_scale(space, engine, version):
    assert cosine_scale(space, engine, version) is None
