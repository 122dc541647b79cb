"""The nodes' disks against the watermarks at which a cluster stops: new shards, writes, merges."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from cluster.connection import Cluster
from cluster.diagnosis.finding import Finding, ask

_ALLOCATION = "cluster.routing.allocation.disk"
# Since Elasticsearch 9 merges look at the disk themselves.
_MERGE = "indices.merge.disk.watermark.high"
_UNITS = {"b": 1, "kb": 2**10, "mb": 2**20, "gb": 2**30, "tb": 2**40, "pb": 2**50}


@dataclass(frozen=True)
class Watermark:
    """What stops on a disk with less free than a setting says; the most severe come first."""

    setting: str
    stops: str
    needed: bool


WATERMARKS = (
    Watermark(f"{_ALLOCATION}.watermark.flood_stage", "its indexes become read-only", True),
    Watermark(_MERGE, "no merge starts there and a forced one waits for ever", True),
    Watermark(f"{_ALLOCATION}.watermark.high", "its shards are moved away", False),
    Watermark(f"{_ALLOCATION}.watermark.low", "it gets no new replicas", False),
)


def free_needed(said: str, headroom: str | None, total: int) -> int | None:
    """Bytes that a watermark wants free of a disk of so many; None where it says nothing.

    said: a share that may be used, as 85% or 0.85, or what must be free, as 500mb; headroom: of a
    share, no more than this need be free, as 100gb; -1 for no bound.
    """
    share = re.fullmatch(r"(\d+(?:\.\d+)?)%", said)
    used = float(share[1]) / 100 if share else None
    if used is None and re.fullmatch(r"[01](\.\d+)?", said):
        used = float(said)
    if used is None:
        return _bytes(said)
    most = _bytes(headroom) if headroom else None
    free = round((1 - used) * total)
    return min(free, most) if most is not None else free


def _bytes(said: str) -> int | None:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgtp]?b)", said.strip().lower())
    return round(float(found[1]) * _UNITS[found[2]]) if found else None


class _Disk(Struct, frozen=True):
    total_in_bytes: int = 0
    available_in_bytes: int = 0


class _Fs(Struct, frozen=True):
    total: _Disk = _Disk()


class _Node(Struct, frozen=True):
    name: str = ""
    fs: _Fs = _Fs()


class _Stats(Struct, frozen=True):
    nodes: dict[str, _Node] = {}


def of_disk(cluster: Cluster) -> list[Finding]:
    """A finding for each node's disk: free bytes, and what the first watermark below them stops."""
    answer = ask(
        cluster,
        "/_cluster/settings",
        dict[str, dict[str, Any]],
        include_defaults="true",
        flat_settings="true",
        filter_path=f"*.{_ALLOCATION}*,*.indices.merge.disk*",
    )
    settings: dict[str, Any] = {}
    for kind in ("defaults", "persistent", "transient"):
        settings |= answer.get(kind) or {}
    wanted = "nodes.*.name,nodes.*.fs.total"
    nodes = ask(cluster, "/_nodes/stats/fs", _Stats, filter_path=wanted).nodes.values()
    return [
        _of_node(each.name, each.fs.total, settings)
        for each in nodes
        if each.fs.total.total_in_bytes
    ]


def _of_node(name: str, disk: _Disk, settings: Mapping[str, Any]) -> Finding:
    total, free = disk.total_in_bytes, disk.available_in_bytes
    value = f"{free / 1e9:,.1f} GB free of {total / 1e9:,.1f} GB on {name}"
    watched = str(settings.get(f"{_ALLOCATION}.threshold_enabled", "true")) == "true"
    for mark in WATERMARKS:
        said = settings.get(mark.setting)
        if said is None or not (watched or mark.setting == _MERGE):
            continue
        wanted = free_needed(str(said), settings.get(f"{mark.setting}.max_headroom"), total)
        if wanted is not None and free < wanted:
            value += f", below {mark.setting} ({said}): {mark.stops}"
            cure = f"free {(wanted - free) / 1e9:,.1f} GB more on {name}"
            return Finding("cluster", "disk", value, cure, needed=mark.needed)
    above = "above every watermark" if watched else "the cluster's watermarks are off"
    return Finding("cluster", "disk", f"{value}, {above}")
