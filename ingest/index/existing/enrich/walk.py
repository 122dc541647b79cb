"""Walk through what an index held at one moment, a shard at a time, with what guards an update."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from cluster.client.shards import silence
from cluster.errors import AccessError, ClusterError
from ingest.records import Version
from ingest.write.client import IndexClient, TransientError
from ingest.write.lookup import version_of
from ingest.write.refresh import refresh
from tandem.base.wire import path_of

PAGE = 256
EVERYTHING: Mapping[str, Any] = {"match_all": {}}
_KEEP_ALIVE = "10m"
# So often a point in time is asked before another one is opened.
_TRIES = 4
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
    would lose those at the same place. A point that is lost with its node is opened anew, and what
    was given of its shard is not given again, for which eight bytes a document of that shard are
    kept, and sixteen from then on. Raises OutageError and ClusterError.
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
    point = _Point(client, distribution == "elasticsearch", shard)
    body: dict[str, Any] = {
        "size": PAGE,
        "query": query,
        "_source": source,
        "sort": ["_doc"],
        "seq_no_primary_term": True,
        "track_total_hits": False,
    }
    seen, known, opened = array("q"), Known(()), 0
    try:
        while hits := point.page(body):
            if opened != point.opened:  # another one, whose documents stand in another order
                opened, known = point.opened, Known(seen)
            body["search_after"] = hits[-1]["sort"]
            keys = [hash(hit["_id"]) for hit in hits]
            new = [hit for hit, there in zip(hits, known.have(keys), strict=True) if not there]
            seen.extend(hash(hit["_id"]) for hit in new)
            if new:
                yield [StoredDocument(version_of(hit), hit.get("_source") or {}) for hit in new]
    finally:
        point.close()


class Known:
    """Keys in eight bytes each, where Python's own set takes ten times that."""

    def __init__(self, keys: Sequence[int]) -> None:
        self._sorted = np.sort(np.array(keys, dtype=np.int64))

    def have(self, keys: Sequence[int]) -> list[bool]:
        """Whether each of these is among them."""
        wanted = np.array(keys, dtype=np.int64)
        at = np.searchsorted(self._sorted, wanted)
        found = np.zeros(len(wanted), dtype=bool)
        inside = at < len(self._sorted)
        found[inside] = self._sorted[at[inside]] == wanted[inside]
        return [bool(each) for each in found]


class _Point:
    """A point in time of one shard, opened anew where it was lost with its node.

    opened: how often.
    """

    def __init__(self, client: IndexClient, elastic: bool, shard: int) -> None:
        self._client, self._elastic = client, elastic
        # A replica by segments lags behind.
        self._copy = f"_shards:{shard}" if elastic else f"_shards:{shard}|_primary"
        self._id: str | None = None
        self.opened = 0

    def page(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        """The hits of one search, from the first on where the point is a new one.

        Raises OutageError once nothing was answered for too long, and ClusterError where new points
        are refused too.
        """
        attempt = refused = 0
        while True:
            failure = None
            try:
                if self._id is None:
                    body.pop("search_after", None)
                    self._open()
                answer = self._search(body)
                reason = silence(answer)
            except TransientError as error:
                reason, failure = str(error), error
            except ClusterError as error:
                refused += 1
                if refused == _TRIES or isinstance(error, AccessError):
                    raise
                self._id = None  # its node went, or came back without it
                continue
            if reason is None:
                self._client.accepted()
                hits: list[dict[str, Any]] = answer["hits"]["hits"]
                return hits
            self._client.wait(attempt, reason, failure)
            attempt += 1
            if attempt % _TRIES == 0:
                self._id = None

    def _open(self) -> None:
        parts = ("_pit",) if self._elastic else ("_search", "point_in_time")
        path = path_of(self._client.index, *parts)
        found = self._client.once("POST", path, keep_alive=_KEEP_ALIVE, preference=self._copy)
        if reason := silence(found):
            raise TransientError(reason, None)
        self._id = found["id" if self._elastic else "pit_id"]
        self.opened += 1

    def _search(self, body: dict[str, Any]) -> Any:
        point = {"id": self._id, "keep_alive": _KEEP_ALIVE}
        answer = self._client.once("POST", "/_search", {**body, "pit": point})
        self._id = answer.get("pit_id", self._id)
        return answer

    def close(self) -> None:
        """Free it; it ends by itself too."""
        path = "/_pit" if self._elastic else "/_search/point_in_time"
        body = {"id": self._id} if self._elastic else {"pit_id": [self._id]}
        with suppress(TransientError, ClusterError):
            if self._id is not None:
                self._client.once("DELETE", path, body)
