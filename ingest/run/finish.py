"""The end of a load: merge, restore the settings, and verify what the index holds."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cluster.client.shards import shard_reason
from cluster.errors import AccessError
from ingest.errors import IncompleteError, IndexRefusedError
from ingest.index.describe import uuid_of
from ingest.index.loading import OpenIndex
from ingest.records import FORGOTTEN, Version
from ingest.run.removal.stored import census, passages, without_vector
from ingest.write import updates
from ingest.write.client import FIRST_PAUSE, IndexClient, TransientError
from ingest.write.refresh import FIRST_LOOK, PATIENCE
from ingest.write.whole import check_whole, rehearse_write
from tandem.base.wire import path_of

if TYPE_CHECKING:
    from cluster import Cluster

_MANY = 1_000_000
# Passages that a sentence names.
_NAMED = 3
# Seconds for which a merge is waited for before the cluster is asked whether it goes on.
LONGEST_LOOK = 300.0


@dataclass
class Ending:
    """What a run's report says beside the counts, once it is known."""

    seconds: float | None = None
    held: int | None = None
    finishing: str | None = None
    alias: str | None = None
    deleted: tuple[str, ...] = ()


def check_same(cluster: Cluster, index: OpenIndex) -> None:
    """Raise IndexRefusedError where the index was deleted, and maybe made anew, meanwhile.

    A bulk request makes a missing index by itself, without the mapping that vectors need.
    """
    if uuid_of(cluster, index.name) != index.uuid:
        raise IndexRefusedError(
            f"index {index.name!r} was deleted during the load and made anew without Tandem's "
            "mapping: delete it, and run the same command again."
        )


def rehearse(client: IndexClient, index: OpenIndex, *, merges: bool, prunes: bool) -> None:
    """Ask before the load for what its end will ask for, in a way that changes nothing.

    A missing permission is told at once. Raises AccessError, BlockedError, OutageError, and
    IndexRefusedError for an index of which a part is missing, or an ingest pipeline of its.
    """
    check_whole(client)
    _check_written(client, index)
    census(client, index.fields)
    if merges:
        # No shard has so many segments, so nothing is merged.
        client.ask(
            "POST", path_of(index.name, "_forcemerge"), max_num_segments=_MANY, flush="false"
        )
    if prunes:
        for _ in passages(client, index.fields):
            break
        updates.delete(client, [Version(f"rehearsal-{index.token}", 0, 1, None)])


def _check_written(client: IndexClient, index: OpenIndex) -> None:
    """Send a document that no index takes the way that all will go, pipelines included."""
    reason = rehearse_write(client, "index")
    if "pipeline with id" in reason and "does not exist" in reason:
        path = path_of(index.name, "_settings")
        raise IndexRefusedError(
            f"index {index.name!r} sends each document through an ingest pipeline that is not "
            f"there ({reason}): make it, or take it out of the index's settings, PUT {path} "
            '{"index.default_pipeline": null, "index.final_pipeline": null}, and of the index '
            "template that gives it."
        )


def merge(client: IndexClient, index: OpenIndex) -> str | None:
    """Merge every shard into one segment, which searches fastest; it may take hours.

    A merge goes on when its request is given up, and a second request waits for the first, so each
    is short and the cluster is asked in between whether it merges at all.

    Returns what to tell where it began none for `max_outage` seconds, else None.
    """
    path, seconds, done = path_of(index.name, "_forcemerge"), FIRST_LOOK, None
    idle_since = time.monotonic()
    while True:
        try:
            answer = client.once("POST", path, max_num_segments=1, request_timeout=seconds)
        except TransientError:
            before, done = done, _merges(client, index)
        else:
            return _unmerged(index, answer)
        if done and (done["current"] or done != before):
            idle_since = time.monotonic()
        if (idle := time.monotonic() - idle_since) > (client.max_outage if done else PATIENCE):
            return (
                f"index {index.name!r} holds everything and is not merged, because the cluster "
                f"began no merge in {idle:,.0f} seconds (Elasticsearch begins none while a disk is "
                "fuller than indices.merge.disk.watermark.high, 95%): free disk space, and run the "
                "same command again."
            )
        client.pause(FIRST_PAUSE)
        seconds = min(2 * seconds, LONGEST_LOOK)


def _unmerged(index: OpenIndex, answer: Mapping[str, Any]) -> str | None:
    if not (answer.get("_shards") or {}).get("failed"):
        return None
    return (
        f"index {index.name!r} holds everything and is not merged, for a shard of its "
        f"{shard_reason(answer)}: run the same command again."
    )


def _merges(client: IndexClient, index: OpenIndex) -> dict[str, int] | None:
    """How many merges the index has, running and ended; None where that may not be asked."""
    path = path_of(index.name, "_stats", "merge")
    try:
        merges = client.ask("GET", path)["_all"]["total"]["merges"]
    except AccessError:
        return None
    return {"current": merges["current"], "total": merges["total"]}


def verify(client: IndexClient, index: OpenIndex, expected: int) -> int:
    """Check that every passage has its vector, and that at least those expected are there.

    Returns how many passages there are. A passage without a vector gets an empty content hash, so
    that the next run writes it again instead of skipping it; documents of others are not looked at.
    Raises IncompleteError with both numbers.
    """
    counted = census(client, index.fields)
    blank = counted.with_vector < counted.passages
    if blank and (found := _forget_stamps(client, index)):
        count, names = found
        raise IncompleteError(
            f"{count:,} of {counted.passages:,} passages in "
            f"{index.name!r} have no vector ({', '.join(names)}): look for "
            "index.mapping.ignore_malformed and for k-NN's circuit breaker, and run the same "
            "command again, which writes them anew."
        )
    if counted.with_vector < expected:
        raise IncompleteError(
            f"index {index.name!r} holds {counted.with_vector:,} passages and should hold "
            f"{expected:,}: run the same command again, which writes what is missing."
        )
    return counted.with_vector


def _forget_stamps(client: IndexClient, index: OpenIndex) -> tuple[int, list[str]] | None:
    """Empty the content hash of passages without a vector, a thousand at a time.

    How many there are, and the ids of the first; None where there are none.
    """
    count, names = 0, list[str]()
    for blank in without_vector(client, index.fields):
        count += len(blank)
        names = names or [each.id for each in blank[:_NAMED]]
        updates.update(client, blank, {index.fields.content_hash: FORGOTTEN})
    return (count, names) if count else None
