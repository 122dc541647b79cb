"""Walk through what an index held at one moment, a shard at a time, with what guards an update."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cluster.client.shards import shard_reason, silent_shards
from cluster.errors import ClusterError
from ingest.records import Version
from ingest.write.client import IndexClient, TransientError
from ingest.write.lookup import version_of
from ingest.write.refresh import refresh
from mappings import path_of

PAGE = 256
EVERYTHING: Mapping[str, Any] = {"match_all": {}}
_KEEP_ALIVE = "10m"
# Shard -> the sequence number up to which every change is known.
Checkpoints = Mapping[int, int]
_OF_SHARDS = "indices.*.shards.*.seq_no.global_checkpoint,indices.*.shards.*.routing.primary"


@dataclass(frozen=True)
class StoredDocument:
    """One document as it was."""

    version: Version
    source: Mapping[str, Any]


def walk(
    client: IndexClient,
    distribution: str,
    shards: int,
    query: Mapping[str, Any],
    source: Any,
    since: Checkpoints | None = None,
) -> Iterator[list[StoredDocument]]:
    """All documents that a query finds, a page at a time, of a refreshed point in time.

    source: what `_source` of a search takes; since: only what changed after these. Each shard has a
    point of its own: the order of documents within a shard is cheap, and of several together it
    would lose those at the same place. Raises OutageError and ClusterError.
    """
    refresh(client)
    for shard in range(shards):
        chosen = query
        if since:
            new = {"range": {"_seq_no": {"gt": since.get(shard, -1)}}}
            chosen = {"bool": {"filter": [query, new]}}
        yield from _of_shard(client, distribution, shard, chosen, source)


def checkpoints(client: IndexClient) -> dict[int, int]:
    """Up to where every copy of each shard has every change now; raises as `walk`."""

    def doubt(answer: Mapping[str, Any]) -> str | None:
        return None if answer.get("indices") else "no shard says how far it is"

    path = path_of(client.index, "_stats")
    answer = client.ask("GET", path, doubt=doubt, level="shards", filter_path=_OF_SHARDS)
    (of_index,) = answer["indices"].values()
    return {
        int(shard): copy["seq_no"]["global_checkpoint"]
        for shard, copies in of_index["shards"].items()
        for copy in copies
        if copy["routing"]["primary"]
    }


def _of_shard(
    client: IndexClient,
    distribution: str,
    shard: int,
    query: Mapping[str, Any],
    source: Any,
) -> Iterator[list[StoredDocument]]:
    elastic = distribution == "elasticsearch"
    opening = ("_pit",) if elastic else ("_search", "point_in_time")
    # A replica by segments lags behind.
    copy = f"_shards:{shard}" if elastic else f"_shards:{shard}|_primary"
    path = path_of(client.index, *opening)
    opened = client.ask("POST", path, keep_alive=_KEEP_ALIVE, preference=copy)
    point = opened["id" if elastic else "pit_id"]
    body: dict[str, Any] = {
        "size": PAGE,
        "query": query,
        "_source": source,
        "sort": ["_doc"],
        "seq_no_primary_term": True,
        "track_total_hits": False,
    }
    try:
        while True:
            body["pit"] = {"id": point, "keep_alive": _KEEP_ALIVE}
            answer = client.ask("POST", "/_search", body, doubt=silence)
            hits = answer["hits"]["hits"]
            if not hits:
                return
            yield [StoredDocument(version_of(hit), hit.get("_source") or {}) for hit in hits]
            point = answer.get("pit_id", point)
            body["search_after"] = hits[-1]["sort"]
    finally:
        path = "/_pit" if elastic else "/_search/point_in_time"
        with suppress(TransientError, ClusterError):  # it ends by itself too
            client.once("DELETE", path, {"id": point} if elastic else {"pit_id": [point]})


def silence(answer: Mapping[str, Any]) -> str | None:
    """How many shards did not answer, and why; None where all did."""
    silent, total = silent_shards(answer)
    return f"{silent} of {total} shards {shard_reason(answer)}" if silent else None
