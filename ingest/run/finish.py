"""The end of a load: prune, merge, restore the settings, and verify what the index holds."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cluster.client.shards import SHARD_CURE, shard_reason, silent_shards
from cluster.errors import ClusterError
from ingest.errors import IncompleteError, IndexRefusedError, IngestError
from ingest.index.describe import uuid_of
from ingest.index.loading import RELAXED, OpenIndex, put_settings
from ingest.run.deduplicate import Seen, no_room
from ingest.tally import Tally
from ingest.write import updates
from ingest.write.client import IndexClient, TransientError
from mappings import path_of

if TYPE_CHECKING:
    from cluster import Cluster

# Seconds: merging eight million vectors takes hours, and their graphs are built at a refresh.
PATIENCE = 24 * 3600
# What a cluster says (HTTP 503) of an index none of whose shards is there.
_NO_SHARD = "all shards failed"


def check_same(cluster: Cluster, index: OpenIndex) -> None:
    """Raise IndexRefusedError where the index was deleted, and maybe made anew, meanwhile.

    A bulk request makes a missing index by itself, without the mapping that vectors need.
    """
    if uuid_of(cluster, index.name) != index.uuid:
        raise IndexRefusedError(
            f"index {index.name!r} was deleted during the load and made anew without Tandem's "
            "mapping: delete it, and run the same command again."
        )


def rehearse(cluster: Cluster, client: IndexClient, index: OpenIndex) -> None:
    """Do once, before the load, what its end needs: a missing permission is told at once.

    Raises ClusterError, and IndexRefusedError for an index of which a part is missing.
    """
    if index.journal is not None:
        put_settings(cluster, index, RELAXED)
    _check_whole(client, index)
    census(client, index)


def _check_whole(client: IndexClient, index: OpenIndex) -> None:
    try:
        missing = _silence(client.once("POST", path_of(index.name, "_count")))
    except TransientError as error:
        # Else the cluster is busy, and is asked again.
        missing = str(error) if _NO_SHARD in str(error) else None
    if missing:
        raise IndexRefusedError(
            f"index {index.name!r} is incomplete ({missing}), so not all documents could be "
            f"written there: {SHARD_CURE}; run the same command again once the index is whole."
        )


def _silence(answer: Mapping[str, Any]) -> str | None:
    """How many shards did not count theirs, and why; None where all did."""
    silent, total = silent_shards(answer)
    return f"{silent} of {total} shards {shard_reason(answer)}" if silent else None


def merge(client: IndexClient, index: OpenIndex) -> None:
    """Merge every shard into one segment, which searches fastest; it may take hours."""
    path = path_of(index.name, "_forcemerge")
    client.ask("POST", path, max_num_segments=1, request_timeout=PATIENCE)


@dataclass(frozen=True)
class Census:
    """How many passages an index holds, and how many of them have a vector."""

    passages: int
    with_vector: int


def census(client: IndexClient, index: OpenIndex) -> Census:
    """Refresh and count, once every shard answers: a node that went may be on its way back."""
    has_vector = {"query": {"exists": {"field": index.fields.vector}}}
    client.ask("POST", path_of(index.name, "_refresh"), request_timeout=PATIENCE)
    path = path_of(index.name, "_count")
    passages = client.ask("POST", path, doubt=_silence)["count"]
    with_vector = client.ask("POST", path, has_vector, doubt=_silence)["count"]
    return Census(passages, with_vector)


def verify(client: IndexClient, index: OpenIndex, expected: int) -> int:
    """Check that every passage has its vector, and that at least those expected are there.

    Returns how many passages there are. A passage without a vector gets an empty content hash, so
    that the next run writes it again instead of skipping it. Raises IncompleteError with both
    numbers.
    """
    counted = census(client, index)
    if counted.with_vector < counted.passages:
        names = _forget_stamps(client, index)
        raise IncompleteError(
            f"{counted.passages - counted.with_vector:,} of {counted.passages:,} passages in "
            f"{index.name!r} have no vector ({', '.join(names[:3])}): look for "
            "index.mapping.ignore_malformed and for k-NN's circuit breaker, and run the same "
            "command again, which writes them anew."
        )
    if counted.passages < expected:
        raise IncompleteError(
            f"index {index.name!r} holds {counted.passages:,} passages and should hold "
            f"{expected:,}: run the same command again, which writes what is missing."
        )
    return counted.with_vector


def _forget_stamps(client: IndexClient, index: OpenIndex) -> list[str]:
    """Empty the content hash of passages without a vector, a thousand at a time; their ids."""
    stamped = {
        "bool": {
            "must_not": [
                {"exists": {"field": index.fields.vector}},
                {"term": {index.fields.content_hash: ""}},
            ]
        }
    }
    names: list[str] = []
    body = {"size": 1000, "_source": False, "query": stamped}
    while hits := client.ask("POST", path_of(index.name, "_search"), body)["hits"]["hits"]:
        ids = [hit["_id"] for hit in hits]
        names += ids
        # None where others deleted them all meanwhile.
        if not updates.update(client, ids, {index.fields.content_hash: ""}):
            break
    return names


def discard_empty(cluster: Cluster, index: OpenIndex) -> bool:
    """Delete an index into which nothing came, which would answer every search with 0 hits.

    Only the very index that the run made, and only while nobody else's documents are in it. Returns
    whether it is gone, which it is not where the cluster forbids one of the steps.
    """
    if not index.created:
        return False
    from opensearchpy.exceptions import OpenSearchException

    try:
        if uuid_of(cluster, index.name) != index.uuid:
            return False
        # Searches see what was written only after a refresh.
        cluster.client.indices.refresh(index=index.name)
        if cluster.client.count(index=index.name)["count"]:
            return False
        cluster.client.indices.delete(index=index.name)
    except (ClusterError, OpenSearchException):
        return False
    return True


PAGE = 1000
_KEEP_ALIVE = "5m"
# Called with the number of passages to remove and some of their documents' ids; True removes them.
Confirm = Callable[[int, list[str]], bool]


def check_prunable(tally: Tally) -> None:
    """Raise IngestError where it is not sure what is gone.

    Rejected lines without an id may be documents that seem gone, and a source without a single
    document is one that went wrong.
    """
    if not tally.report().read:
        raise IngestError(
            "nothing was pruned, because the source has no documents: look whether it is the right "
            "one; `tandem index delete` removes an index with all it holds."
        )
    if tally.anonymous_rejects:
        raise IngestError(
            f"nothing was pruned, because {tally.anonymous_rejects:,} rejected lines have no "
            "readable id and may be documents that seem to be gone: mend them first."
        )


def prune(
    client: IndexClient, index: OpenIndex, seen: Seen, tally: Tally, confirm: Confirm
) -> None:
    """Delete every passage whose document was not seen in this run, if `confirm` says so.

    The candidates wait in a temporary database, not in memory. Raises OutageError and IngestError.
    """
    gone = sqlite3.connect("")
    try:
        gone.execute("CREATE TABLE gone (passage TEXT, document TEXT)")
        for page in _pages(client, index):
            absent = [each for each in page if each[1] not in seen]
            gone.executemany("INSERT INTO gone VALUES (?, ?)", absent)
        (count,) = gone.execute("SELECT count(*) FROM gone").fetchone()
        sample = [d for (d,) in gone.execute("SELECT DISTINCT document FROM gone LIMIT 3")]
        if count and confirm(count, sample):
            rows = gone.execute("SELECT passage FROM gone")
            tally.count("pruned", updates.delete(client, (passage for (passage,) in rows)))
    except sqlite3.OperationalError as error:
        raise no_room(error) from error
    finally:
        gone.close()


def _pages(client: IndexClient, index: OpenIndex) -> Iterator[list[tuple[str, str]]]:
    """(passage id, document id) of everything in the index, a page at a time."""
    field = index.fields.document_id
    client.ask("POST", path_of(index.name, "_refresh"))
    body: dict[str, Any] = {"size": PAGE, "_source": [field], "sort": ["_doc"]}
    answer = client.ask("POST", path_of(index.name, "_search"), body, scroll=_KEEP_ALIVE)
    try:
        while hits := answer["hits"]["hits"]:
            yield [(hit["_id"], str(hit["_source"].get(field, hit["_id"]))) for hit in hits]
            scroll = {"scroll": _KEEP_ALIVE, "scroll_id": answer["_scroll_id"]}
            answer = _next_page(client, scroll)
    finally:
        client.ask("DELETE", "/_search/scroll", {"scroll_id": [answer["_scroll_id"]]})


def _next_page(client: IndexClient, scroll: dict[str, str]) -> Any:
    try:
        return client.once("POST", "/_search/scroll", scroll)
    except TransientError as error:
        # A page asked for twice would skip one.
        raise IngestError(
            f"nothing was pruned, because the cluster stopped answering ({error}): run the same "
            "command again."
        ) from error
