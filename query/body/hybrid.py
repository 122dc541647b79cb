"""The bodies of a hybrid search: one query that the cluster fuses, or the legs that we fuse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mappings import Fusion, pipeline_body
from mappings.pipelines.pipeline import RRF
from query.body.request import SubSearch
from query.errors import QueryError
from query.question import BM25, KNN, Question, Tuning
from query.target import Target

if TYPE_CHECKING:
    from cluster import Capabilities

# The order of the legs, and so of the weights.
LEGS = (BM25, KNN)


# The same for search after search; nothing changes a body once it is made.
_inline = lru_cache(maxsize=64)(pipeline_body)


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
        "search_pipeline": tuning.pipeline or _inline(tuning.effective_fusion),
    }


def ranked_apart(item: SubSearch) -> tuple[SubSearch, SubSearch]:
    """A fused search that gives no documents, and what reads those of its hits, but for its query.

    Its hits carry sequence numbers, each of which is one version of one document within a shard.
    Unlike an `_id`, they are read without the block of stored documents that each is packed in.
    """
    shown = {name: item.body[name] for name in ("_source", "highlight") if name in item.body}
    ranked = {name: value for name, value in item.body.items() if name not in shown}
    ranked |= {"_source": False, "stored_fields": "_none_", "seq_no_primary_term": True}
    reader = {**shown, "track_total_hits": False, "seq_no_primary_term": True}
    return replace(item, body=ranked), replace(item, body=without_pipeline(reader))


def leg_body(clause: dict[str, Any], depth: int, *, opensearch: bool) -> dict[str, Any]:
    """One leg alone, as deep as the hybrid query looks."""
    body = {"from": 0, "size": depth, "query": clause}
    return without_pipeline(body) if opensearch else body


def without_pipeline(body: dict[str, Any]) -> dict[str, Any]:
    """A search that the index's default pipeline does not change: it sees no hybrid's legs."""
    return {**body, "search_pipeline": "_none"}


def only_in(index: str, clause: dict[str, Any]) -> dict[str, Any]:
    """A leg in one of several indexes, with the same scores.

    The name that is searched stays what it was, for an alias may have a filter, or be all that the
    user may search. The filter is around the clause, so that neighbours are found as without it.
    """
    return {"bool": {"must": [clause], "filter": [{"term": {"_index": index}}]}}


# pagination_depth, without which the number of candidates changes from page to page, and rrf.
SERVER_FUSION_SINCE = (2, 19)
# A search of more shards is reduced in parts, which hybrid queries did not survive before 3.5 and
# not in _msearch (neural-search#1738).
MOST_SHARDS = 512
# More legs would not pay: beyond this the client's legs are of all shards together.
MOST_SHARDS_APART = 32


@dataclass(frozen=True)
class FusionPlace:
    """Where to fuse, and why there."""

    on_server: bool
    reason: str


def place_of_fusion(question: Question, target: Target, can: Capabilities) -> FusionPlace:
    """Choose for a hybrid question; raises QueryError where the user forces what cannot be."""
    tuning = question.tuning
    obstacle = _obstacle(tuning, target, can)
    wanted = "server" if tuning.pipeline else tuning.place
    if wanted == "client":
        return FusionPlace(False, "as asked")
    if wanted == "server":
        if obstacle:
            cure = "leave out `pipeline`" if tuning.pipeline else "leave out `place`"
            raise QueryError(
                f"the cluster cannot fuse this search: {obstacle}; {cure}, and Tandem fuses it."
            )
        return FusionPlace(True, f"pipeline {tuning.pipeline}" if tuning.pipeline else "as asked")
    if obstacle:
        return FusionPlace(False, obstacle)
    return FusionPlace(True, "the cluster has neural-search")


def _obstacle(tuning: Tuning, target: Target, can: Capabilities) -> str | None:
    """Why the cluster cannot fuse a search of an index, or None."""
    if tuning.pipeline:
        return hybrid_obstacle(can)
    if obstacle := fusion_obstacle(tuning.effective_fusion, can):
        return obstacle
    shards = target.all_shards
    if tuning.effective_fusion.technique == RRF and shards > 1 and not can.rrf_is_global:
        return f"before OpenSearch 3.5 rrf ranks within each shard, and here are {shards}"
    if shards > MOST_SHARDS:
        return f"{shards} shards are more than a hybrid query takes ({MOST_SHARDS})"
    return None


def hybrid_obstacle(can: Capabilities) -> str | None:
    """Why the cluster cannot fuse at all, or None."""
    if can.distribution != "opensearch":
        return "Elasticsearch has no hybrid query"
    if not can.neural_search:
        return "the neural-search plugin is missing, or this user may not see it"
    if not can.version:
        return "the cluster does not tell its version"
    if can.version < SERVER_FUSION_SINCE:
        return f"OpenSearch {can.version_text} has no pagination_depth, which came with 2.19"
    return None


def fusion_obstacle(fusion: Fusion, can: Capabilities) -> str | None:
    """Why the cluster cannot fuse like this, whatever the index, or None."""
    if obstacle := hybrid_obstacle(can):
        return obstacle
    return can.lacking_fusion(fusion.technique, weighted=bool(fusion.weights))
