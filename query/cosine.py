"""The engine's score of two vectors and their cosine: the one place where they are converted.

Every engine must give scores of at least 0, so none of them shows the cosine itself:

- lucene, on OpenSearch and Elasticsearch: (1 + cos) / 2 (VectorSimilarityFunction.COSINE;
  Elasticsearch's reference of dense_vector, similarity cosine).
- faiss, whose cosinesimil exists since OpenSearch 2.19 (k-NN#2376): the same,
  SpaceType.COSINESIMIL.scoreTranslation, max((2 - d) / 2, 0) with d = 1 - cos.
- nmslib, not for new indexes since 3.0: the same since 2.19 (k-NN#2357), before it 1 / (1 + d).

Painless `cosineSimilarity(...) + 1.0` gives 1 + cos; Tandem sends no script, so it cannot mix in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

ONE_FORMULA_SINCE = (2, 19)
COSINE_SPACES = ("cosinesimil", "cosine")


@dataclass(frozen=True)
class CosineScale:
    """How one vector field's scores relate to cosines, both ways."""

    to_cosine: Callable[[float], float]
    to_score: Callable[[float], float]


_HALF = CosineScale(lambda score: 2.0 * score - 1.0, lambda cosine: (1.0 + cosine) / 2.0)
_RECIPROCAL = CosineScale(lambda score: 2.0 - 1.0 / score, lambda cosine: 1.0 / (2.0 - cosine))


def cosine_scale(space: str, engine: str | None, version: tuple[int, ...]) -> CosineScale | None:
    """The scale of a field's scores, or None where they do not tell the cosine.

    space: of the field; engine: of OpenSearch's field, None on Elasticsearch; version: the
    cluster's, empty where unknown. Spaces other than cosine have none, nor has nmslib on a cluster
    of unknown version.
    """
    if space not in COSINE_SPACES:
        return None
    if engine != "nmslib" or version >= ONE_FORMULA_SINCE:
        return _HALF
    return _RECIPROCAL if version else None
