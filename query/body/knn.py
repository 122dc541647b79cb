"""The clause that looks for neighbours of a vector."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from query.errors import TargetError, TextError
from query.question import MOST, Knn
from query.target import Target, VectorField
from tandem.base.vectors import BYTE, Vector, VectorFault, as_vector

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


# LuceneHNSWSearchContext and method_parameters appeared together.
EF_SEARCH_SINCE = (2, 16)
RESCORE_SINCE = (2, 17)
# Elasticsearch's knn query took its k from `size` before (elasticsearch-java#861).
K_SINCE = (8, 15)
# HNSW keeps at least so many candidates, and twice those that are wanted, unless told otherwise:
# with fewer, recall@100 on SciFact was .966 instead of .991, and hybrid's nDCG@10 .7054 instead of
# .7099.
LEAST_EF, EF_A_HIT = 200, 2
# What to do about a vector of a query that the cluster would refuse.
_CURES = {
    "numbers": ": give numbers",
    "finite": ": check the model",
    "zero": ": use words that the model knows, or mode bm25",
}


def check_vector(vector: Vector, field: VectorField, target: Target) -> None:
    """Refuse what the cluster would refuse, before it is sent; vector: float32 [dimension]."""
    if field.element == "binary":
        raise TargetError(
            f"field {field.name!r} of index {target.name!r} holds bits, to which a vector of "
            "numbers has no distance: name another one with `Knn.field`, or use mode bm25."
        )
    found = as_vector(vector, field.dimension)
    if not isinstance(found, VectorFault):
        return
    if found.kind == "shape":
        raise TargetError(
            f"field {field.name!r} of index {target.name!r} has {field.dimension} dimensions and "
            f"the query's vector has {' x '.join(map(str, vector.shape))}: use the model that "
            "encoded the index."
        )
    raise TextError(f"the query's vector {found.told}{_CURES.get(found.kind, '')}.")


def knn_clause(
    vector: Vector,
    field: VectorField,
    knn: Knn,
    depth: int,
    where: Mapping[str, Any] | None,
    *,
    version: tuple[int, ...],
    scale: CosineScale | None,
) -> dict[str, Any]:
    """The clause for the `depth` nearest of each shard, among those that meet the filter.

    The filter is inside the clause, so that it is met before neighbours are counted and never after
    (k-NN's efficient filters). A minimum cosine cuts the nearest: OpenSearch's own radial search
    (`min_score` inside knn) walks the graph only a little below the threshold and was seen to miss
    up to half of what is above it. A document with several vectors, in nested objects, is as near
    as its nearest. version: of the cluster, empty where unknown; scale: of the field's scores.
    Raises TargetError where the field cannot do what is asked.
    """
    if knn.min_cosine is not None and scale is None:
        raise TargetError(
            f"field {field.name!r} compares by {field.space}, not by cosine: leave out the "
            "minimum cosine."
        )
    if knn.oversample is not None and not field.compressed:
        raise TargetError(
            f"field {field.name!r} holds whole vectors, so there is nothing to score again: leave "
            "out the oversampling."
        )
    sent = _as_stored(vector, field)
    make = _opensearch if field.engine else _elasticsearch
    clause = make(sent, field, knn, depth, where, version)
    if field.nested:
        clause = {"nested": {"path": field.nested, "query": clause, "score_mode": "max"}}
    if knn.min_cosine is None or scale is None or field.engine is None:
        return clause
    return {"function_score": {"query": clause, "min_score": scale.to_score(knn.min_cosine)}}


def _as_stored(vector: Vector, field: VectorField) -> NDArray[Any]:
    """The vector in the numbers that a field holds: of bytes, as long as they allow.

    Its length changes no cosine, and no order by distance where all stored vectors are alike long.
    """
    if field.element != "byte":
        return vector
    whole = np.rint(vector)
    if not (np.array_equal(whole, vector) and np.abs(vector).max() <= BYTE):
        whole = np.rint(vector * (BYTE / float(np.abs(vector).max())))
    return whole.astype(np.int8)


def _opensearch(
    vector: NDArray[Any],
    field: VectorField,
    knn: Knn,
    depth: int,
    where: Mapping[str, Any] | None,
    version: tuple[int, ...],
) -> dict[str, Any]:
    body: dict[str, Any] = {"vector": vector, "k": depth}
    if where is not None:
        body["filter"] = dict(where)
    takes_ef = not version or version >= EF_SEARCH_SINCE
    if knn.ef_search is not None and not takes_ef:
        body["k"] = max(depth, knn.ef_search)  # on lucene these are one number
    elif knn.ef_search is not None or (version and takes_ef and field.graph):
        body["method_parameters"] = {"ef_search": _candidates(knn, depth)}
    if knn.oversample is not None:
        if version and version < RESCORE_SINCE:
            raise TargetError(
                "this cluster is older than OpenSearch 2.17, which first scores compressed "
                "vectors again: leave out the oversampling."
            )
        body["rescore"] = {"oversample_factor": knn.oversample}
    return {"knn": {field.name: body}}


def _candidates(knn: Knn, depth: int) -> int:
    """How many candidates the graph's search keeps: what was asked for, else our default."""
    wanted = max(LEAST_EF, EF_A_HIT * depth) if knn.ef_search is None else knn.ef_search
    return min(MOST, max(depth, wanted))


def _elasticsearch(
    vector: NDArray[Any],
    field: VectorField,
    knn: Knn,
    depth: int,
    where: Mapping[str, Any] | None,
    version: tuple[int, ...],
) -> dict[str, Any]:
    body: dict[str, Any] = {
        "field": field.name,
        "query_vector": vector,
        "num_candidates": _candidates(knn, depth),
    }
    if not version or version >= K_SINCE:
        body["k"] = depth
    if where is not None:
        body["filter"] = dict(where)
    if knn.oversample is not None:
        body["rescore_vector"] = {"oversample": knn.oversample}
    if knn.min_cosine is not None:
        body["similarity"] = knn.min_cosine
    return {"knn": body}
