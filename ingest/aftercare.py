"""An index after a load: restore its settings, merge it, and verify what it holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ingest import amend
from ingest.errors import IncompleteError, IndexRefusedError
from ingest.index import RELAXED, OpenIndex, uuid_of
from ingest.link import Link
from ingest.owner import change_note

if TYPE_CHECKING:
    from cluster import Cluster

# Seconds: merging eight million vectors takes hours, and their graphs are built at a refresh.
PATIENCE = 24 * 3600


def check_same(cluster: Cluster, index: OpenIndex) -> None:
    """Raise IndexRefusedError where the index was deleted, and maybe made anew, meanwhile.

    A bulk request makes a missing index by itself, without the mapping that vectors need.
    """
    if uuid_of(cluster, index.name) != index.uuid:
        raise IndexRefusedError(
            f"index {index.name!r} was deleted during the load and made anew without Tandem's "
            "mapping: delete it, and run the same command again."
        )


def rehearse(cluster: Cluster, link: Link, index: OpenIndex) -> None:
    """Do once, before the load, what its end needs: a missing permission is told at once.

    Raises ClusterError.
    """
    if index.journal is not None:
        _put_settings(cluster, index, RELAXED)
    census(link, index)


def restore(cluster: Cluster, index: OpenIndex) -> None:
    """Put back the settings that were relaxed for the load; raises ClusterError."""
    if index.journal is None:
        return
    _put_settings(cluster, index, {name: index.journal[name] for name in RELAXED})


def _put_settings(cluster: Cluster, index: OpenIndex, settings: dict[str, Any]) -> None:
    try:
        cluster.client.indices.put_settings(index=index.name, body={"index": settings})
    except Exception as error:
        raise cluster.explain(error) from error


def forget_note(cluster: Cluster, index: OpenIndex) -> None:
    """Take the note about the load out of the index's `_meta`; raises ClusterError.

    An alias's new index keeps it until the alias points there: by it an interrupted one is found.
    """
    if index.journal is None:
        return
    change_note(cluster, index.name, lambda note: None)


def merge(link: Link, index: OpenIndex) -> None:
    """Merge every shard into one segment, which searches fastest; it may take hours."""
    path = f"/{index.name}/_forcemerge"
    link.ask("POST", path, max_num_segments=1, request_timeout=PATIENCE)


@dataclass(frozen=True)
class Census:
    """How many passages an index holds, and how many of them have a vector."""

    passages: int
    with_vector: int


def census(link: Link, index: OpenIndex) -> Census:
    """Refresh and count."""
    has_vector = {"query": {"exists": {"field": index.fields.vector}}}
    link.ask("POST", f"/{index.name}/_refresh", request_timeout=PATIENCE)
    passages = link.ask("POST", f"/{index.name}/_count")["count"]
    with_vector = link.ask("POST", f"/{index.name}/_count", has_vector)["count"]
    return Census(passages, with_vector)


def verify(link: Link, index: OpenIndex, expected: int) -> int:
    """Check that every passage has its vector, and that at least those expected are there.

    Returns how many passages there are. A passage without a vector gets an empty content hash, so
    that the next run writes it again instead of skipping it. Raises IncompleteError with both
    numbers.
    """
    counted = census(link, index)
    if counted.with_vector < counted.passages:
        names = _forget_stamps(link, index)
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


def _forget_stamps(link: Link, index: OpenIndex) -> list[str]:
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
    while hits := link.ask("POST", f"/{index.name}/_search", body)["hits"]["hits"]:
        ids = [hit["_id"] for hit in hits]
        names += ids
        # None where others deleted them all meanwhile.
        if not amend.update(link, ids, {index.fields.content_hash: ""}):
            break
    return names
