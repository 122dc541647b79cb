"""Indexes of which a part is on no node."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from cluster import Cluster
from ingest.index.open import create_index
from mappings import Shape
from tests.support.searches import encoded_text, encoder


@contextlib.contextmanager
def partly_red(cluster: Cluster, rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """An index of three shards, one of them on no node, with the rows that the others took."""
    with _red(cluster, 3, {"routing.allocation.total_shards_per_node": 2}) as name:
        cluster.client.cluster.health(index=name, wait_for_active_shards=2)
        by = encoder()
        lines = []
        for row in rows:
            vector = by.vector(encoded_text(row)).tolist()
            body = {"text": row["text"], "document_id": row["_id"], "vector": vector}
            lines += [{"index": {"_id": row["_id"]}}, body]
        data = b"".join(orjson.dumps(line) + b"\n" for line in lines)
        answer = cluster.client.transport.perform_request(
            "POST", f"/{name}/_bulk?timeout=100ms&refresh=true", body=data
        )
        statuses = {item["index"]["status"] for item in answer["items"]}
        assert statuses == {201, 503}
        yield name


@contextlib.contextmanager
def red(cluster: Cluster) -> Iterator[str]:
    """An index whose only shard is on no node."""
    with _red(cluster, 1, {"routing.allocation.require._name": "nobody"}) as name:
        yield name


@contextlib.contextmanager
def _red(cluster: Cluster, shards: int, settings: dict[str, Any]) -> Iterator[str]:
    client, name = cluster.client, f"test-{uuid.uuid4().hex[:12]}"
    body = create_index(cluster, name, encoder(), shape=Shape(shards=shards, replicas=0))
    client.indices.delete(index=name)
    body["settings"]["index"] |= settings
    client.indices.create(index=name, body=body, params={"wait_for_active_shards": "0"})
    try:
        yield name
    finally:
        client.indices.delete(index=name, ignore=404)
