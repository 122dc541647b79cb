"""What an index that others made holds: how many documents, and some with their vectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cluster.client.shards import SHARD_CURE, silence
from ingest.errors import IndexRefusedError
from mappings import Fields
from mappings.existing import Types, has_vector, nested_in, values_at
from tandem.base.vectors import Vector
from tandem.base.wire import path_of

if TYPE_CHECKING:
    from cluster import Cluster

SIZE = 24


@dataclass(frozen=True)
class Stored:
    """One document: what is in its text and title fields, "" for nothing, and its vector.

    row: the whole source, whose title and text are also under `title` and `text`.
    """

    text: str
    title: str
    row: Mapping[str, Any]
    vector: Vector


def text_at(source: Mapping[str, Any], field: str) -> str:
    """The strings and numbers at a dotted path, a line each; "" where there are none."""
    found = (each for each in values_at(source, field.split(".")) if isinstance(each, str | int))
    return "\n".join(str(each) for each in found if not isinstance(each, bool)).strip()


def row_of(source: Mapping[str, Any], fields: Fields) -> dict[str, Any]:
    """A source with its text and title under the names that templates know."""
    said = {"text": text_at(source, fields.text), "title": text_at(source, fields.title)}
    return {**source, **{name: value for name, value in said.items() if value}}


def random_documents(cluster: Cluster, index: str, fields: Fields, types: Types) -> list[Stored]:
    """At most SIZE documents that have a vector and a text, each with the same chance.

    types: dotted name -> type of the index's fields; of vectors in nested objects a document has
    several, one after the other. Raises ClusterError.
    """
    can = cluster.capabilities
    query = {
        "function_score": {
            "query": {"bool": {"filter": [has_vector(fields.vector, types)]}},
            "random_score": {},
            "boost_mode": "replace",
        }
    }
    body: dict[str, Any] = {"size": SIZE, "query": query}
    # Since 9.2 vectors are no part of what `_source` shows unasked, which older ones cannot be.
    if can.distribution == "elasticsearch" and nested_in(fields.vector, types):
        body |= {"_source": {"exclude_vectors": False}} if can.version >= (9, 2) else {}
    elif can.distribution == "elasticsearch":
        body["fields"] = [fields.vector]
    with cluster.explaining():
        answer = cluster.client.transport.perform_request(
            "POST", path_of(index, "_search"), body=body
        )
    made = (_stored(hit, fields) for hit in answer["hits"]["hits"])
    return [each for each in made if each is not None]


def count(cluster: Cluster, index: str, query: Mapping[str, Any] | None = None) -> int:
    """Documents of an index, or those that a query finds.

    Raises ClusterError, and IndexRefusedError where a part is missing, by which nothing may be
    decided of the whole.
    """
    with cluster.explaining():
        found = cluster.client.count(index=index, body={"query": query} if query else None)
    if missing := silence(found):
        raise IndexRefusedError(
            f"index {index!r} is incomplete ({missing}), and of what is missing nobody knows whose "
            f"vectors it holds: {SHARD_CURE}; run the same command again once the index is whole."
        )
    return int(found["count"])


def _stored(hit: Mapping[str, Any], fields: Fields) -> Stored | None:
    source = hit.get("_source") or {}
    row = row_of(source, fields)
    shown = (hit.get("fields") or {}).get(fields.vector)
    numbers = shown or [
        each
        for each in values_at(source, fields.vector.split("."))
        if isinstance(each, int | float)
    ]
    if not row.get("text") or not numbers:
        return None
    vector = np.asarray(numbers, dtype=np.float32).ravel()
    return Stored(row["text"], row.get("title", ""), row, vector)
