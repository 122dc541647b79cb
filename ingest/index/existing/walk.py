"""Walk through what an index held at one moment, a shard at a time, with what guards an update."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cluster.client.shards import shard_reason, silent_shards
from cluster.errors import ClusterError
from ingest.write.client import IndexClient, TransientError
from ingest.write.lookup import Version, version_of
from mappings import path_of

PAGE = 256
_KEEP_ALIVE = "10m"


@dataclass(frozen=True)
class Found:
    """One document as it was."""

    version: Version
    source: Mapping[str, Any]


def walk(
    client: IndexClient,
    distribution: str,
    shards: int,
    query: Mapping[str, Any],
    fields: Sequence[str],
) -> Iterator[list[Found]]:
    """All documents that a query finds, a page at a time, of a refreshed point in time.

    Each shard has one of its own: the order of documents within a shard is cheap, and of several
    together it would lose those at the same place. Raises OutageError and ClusterError.
    """
    client.ask("POST", path_of(client.index, "_refresh"))
    for shard in range(shards):
        yield from _of_shard(client, distribution, shard, query, fields)


def _of_shard(
    client: IndexClient,
    distribution: str,
    shard: int,
    query: Mapping[str, Any],
    fields: Sequence[str],
) -> Iterator[list[Found]]:
    elastic = distribution == "elasticsearch"
    opening = ("_pit",) if elastic else ("_search", "point_in_time")
    opened = client.ask(
        "POST",
        path_of(client.index, *opening),
        keep_alive=_KEEP_ALIVE,
        preference=f"_shards:{shard}",
    )
    point = opened["id" if elastic else "pit_id"]
    body: dict[str, Any] = {
        "size": PAGE,
        "query": query,
        "_source": list(fields),
        "sort": ["_doc"],
        "seq_no_primary_term": True,
        "track_total_hits": False,
    }
    try:
        while True:
            body["pit"] = {"id": point, "keep_alive": _KEEP_ALIVE}
            answer = client.ask("POST", "/_search", body, doubt=_silence)
            hits = answer["hits"]["hits"]
            if not hits:
                return
            yield [Found(version_of(hit), hit.get("_source") or {}) for hit in hits]
            point = answer.get("pit_id", point)
            body["search_after"] = hits[-1]["sort"]
    finally:
        path = "/_pit" if elastic else "/_search/point_in_time"
        with suppress(TransientError, ClusterError):  # it ends by itself too
            client.once("DELETE", path, {"id": point} if elastic else {"pit_id": [point]})


def _silence(answer: Mapping[str, Any]) -> str | None:
    silent, total = silent_shards(answer)
    return f"{silent} of {total} shards {shard_reason(answer)}" if silent else None
