"""The bodies of a hybrid search: one query that the cluster fuses, or the legs that we fuse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mappings import pipeline_body
from query.records import BM25, KNN, Tuning

# The order of the legs, and so of the weights.
LEGS = (BM25, KNN)


def hybrid_body(
    clauses: Mapping[str, dict[str, Any]], tuning: Tuning, depth: int, start: int, size: int
) -> dict[str, Any]:
    """One search with a `hybrid` query at the top and the pipeline that fuses it.

    clauses: leg -> clause with its filter; depth: pagination_depth, the candidates of each leg and
    shard. Without a pipeline the server returns raw scores of about -9.5e9 (neural-search#1011), so
    this body always has one.
    """
    return {
        "from": start,
        "size": size,
        "query": {
            "hybrid": {
                "queries": [clauses[leg] for leg in LEGS],
                "pagination_depth": depth,
            }
        },
        "search_pipeline": tuning.pipeline or pipeline_body(tuning.fusion),
    }


def leg_body(clause: dict[str, Any], depth: int, *, opensearch: bool) -> dict[str, Any]:
    """One leg alone, as deep as the hybrid query looks."""
    body = {"from": 0, "size": depth, "query": clause}
    # The index's default pipeline must not change a leg: it does not see hybrid's legs either.
    return {**body, "search_pipeline": "_none"} if opensearch else body


def only_in(index: str, clause: dict[str, Any]) -> dict[str, Any]:
    """A leg in one of several indexes, with the same scores.

    The name that is searched stays what it was, for an alias may have a filter, or be all that the
    user may search. The filter is around the clause, so that neighbours are found as without it.
    """
    return {"bool": {"must": [clause], "filter": [{"term": {"_index": index}}]}}
