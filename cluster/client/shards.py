"""Shards that did not answer: a search, a count or a look-up leaves them out without an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cluster.error_body import reason_of

# What an owner does about a shard that no node holds.
SHARD_CURE = "GET /_cluster/allocation/explain says why, and what brings them back"


def silent_shards(answer: Mapping[str, Any]) -> tuple[int, int]:
    """(shards without an answer, all shards) of a search's or a count's answer.

    A shard that no node holds is in neither `failed` nor `successful`.
    """
    shards = answer.get("_shards") or {}
    total = int(shards.get("total", 0))
    return total - int(shards.get("successful", total)), total


def silence(answer: Mapping[str, Any]) -> str | None:
    """How much of it was not looked at, and why; None where an answer is of all."""
    if answer.get("timed_out"):
        return "the cluster's search timeout ended it before all was seen"
    silent, total = silent_shards(answer)
    return f"{silent} of {total} shards {shard_reason(answer)}" if silent else None


def shard_reason(answer: Mapping[str, Any]) -> str:
    """Why the first of them did not answer."""
    failures = (answer.get("_shards") or {}).get("failures")
    if not failures:
        return "are on no node that answers"
    return f"failed ({reason_of(failures[0].get('reason'))})"
