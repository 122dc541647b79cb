"""Watermarks as clusters write them, and what of a disk each wants free."""

import pytest

from cluster import connect
from cluster.diagnosis.disk import free_needed
from cluster.diagnosis.health import of_cluster
from tests.unit.cluster.fakes import error, serving

GB = 2**30
ROOT = {
    "version": {"number": "9.5.3", "build_flavor": "default"},
    "tagline": "You Know, for Search",
}
WATERMARK = "cluster.routing.allocation.disk.watermark"
MERGE = "indices.merge.disk.watermark.high"
DEFAULTS = {
    f"{WATERMARK}.low": "85%",
    f"{WATERMARK}.low.max_headroom": "200GB",
    f"{WATERMARK}.high": "90%",
    f"{WATERMARK}.high.max_headroom": "150GB",
    f"{WATERMARK}.flood_stage": "95%",
    f"{WATERMARK}.flood_stage.max_headroom": "100GB",
    MERGE: "95%",
    f"{MERGE}.max_headroom": "100GB",
    "cluster.routing.allocation.disk.threshold_enabled": "true",
}
WELL = {"status": "green", "number_of_nodes": 1, "active_shards": 3, "unassigned_shards": 0}


@pytest.mark.parametrize(
    ("said", "headroom", "total", "free"),
    [
        ("95%", None, 1000, 50),
        ("0.95", None, 1000, 50),
        ("95%", "100gb", 10_000 * GB, 100 * GB),
        ("95%", "100gb", 1000 * GB, 50 * GB),
        ("95%", "-1", 1000 * GB, 50 * GB),
        ("500mb", None, 1000 * GB, 500 * 2**20),
        ("1.5gb", None, 1000 * GB, round(1.5 * GB)),
        ("what", None, 1000, None),
    ],
)
def test_what_a_watermark_wants_free(said, headroom, total, free):
    assert free_needed(said, headroom, total) == free


def found(free, changed=(), **answers):
    """Findings of a cluster whose one disk of 252 GB has so many GB free."""
    disk = {"total_in_bytes": 252 * 10**9, "available_in_bytes": round(free * 10**9)}
    known = {
        "/": (200, ROOT),
        "/_cluster/health": (200, WELL),
        "/_cluster/state/blocks": (200, {"blocks": {}}),
        "/_cluster/settings": (200, {"defaults": DEFAULTS, "transient": dict(changed)}),
        "/_nodes/stats/fs": (200, {"nodes": {"n": {"name": "n1", "fs": {"total": disk}}}}),
        "/_nodes/stats/breaker": (200, {"nodes": {}}),
    } | answers
    with serving(known) as (url, _), connect(url) as cluster:
        return {each.name: each for each in of_cluster(cluster)}


OFF = {"cluster.routing.allocation.disk.threshold_enabled": "false"}


@pytest.mark.parametrize(
    ("free", "changed", "said", "bad"),
    [
        (100, {}, "above every watermark", False),
        (30, {}, "no new replicas", False),
        (20, {}, "its shards are moved away", False),
        (12, {}, "read-only", True),
        (12, OFF, "no merge starts there and a forced one waits for ever", True),
        (20, OFF, "watermarks are off", False),
        (12, {MERGE: "99%", f"{WATERMARK}.flood_stage": "98%"}, "moved away", False),
    ],
)
def test_a_full_disk_is_told_with_what_it_stops(free, changed, said, bad):
    row = found(free, changed)["disk"]
    assert said in row.value
    assert row.bad == bad
    assert (row.cure is None) == ("above" in row.value or "off" in row.value)


def test_blocks_are_told_with_what_lifts_them():
    full = {"12": {"description": "index read-only / allow delete (api)"}}
    no_index = {"10": {"description": "cluster create-index blocked (api)"}}
    blocks = {"global": no_index, "indices": {"books": full, "songs": full}}
    found_ = found(100, **{"/_cluster/state/blocks": (200, {"blocks": blocks})})
    assert "of books, songs: index read-only" in found_["block"].value
    assert "free disk space" in found_["block"].cure
    assert "PUT /books,songs/_settings" in found_["block"].cure


@pytest.mark.parametrize(("status", "cure"), [("green", None), ("yellow", "have more nodes")])
def test_health_is_ticked_where_it_is_well(status, cure):
    answer = {**WELL, "status": status, "unassigned_shards": 0 if cure is None else 2}
    row = found(100, **{"/_cluster/health": (200, answer)})["health"]
    assert row.value.startswith(f"{status}, 1 node, 3 shards")
    assert not row.bad
    assert ("2 copies on no node" in row.value) == (cure is not None)
    assert (cure or "") in (row.cure or "")
    assert bool(row.cure) == bool(cure)


def test_what_may_not_be_seen_is_not_ticked():
    hidden = error("security_exception", "no permissions for [cluster:monitor/health]", 403)
    row = found(100, **{"/_cluster/health": hidden})["health"]
    assert row.value == "not seen: cluster:monitor/health is not permitted to this user"
    assert not row.used
    hidden = error("security_exception", "no permissions for [cluster:monitor/main]", 403)
    rows = found(100, **{"/": hidden, "/_nodes/_local": hidden})
    assert rows["answers"].value.startswith("opensearch, in a version that is not shown to this")
    assert rows["vector search"].value == "not shown, taken for yes"
    assert not rows["vector search"].used


def test_a_breaker_that_has_tripped_is_told():
    node = {"name": "n1", "breakers": {"parent": {"tripped": 3}, "request": {"tripped": 0}}}
    row = found(100, **{"/_nodes/stats/breaker": (200, {"nodes": {"n": node}})})["circuit breakers"]
    assert "parent on n1 3 times" in row.value
    assert row.cure
