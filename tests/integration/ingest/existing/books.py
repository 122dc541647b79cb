"""Indexes as the documentation of OpenSearch and Elasticsearch shows them, made by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

WORDS = [
    *("bees", "wool", "river", "copper", "bread", "engine"),
    *("violin", "harbour", "winter", "chalk", "lantern", "orchard"),
]
BOOKS = [
    {
        "headline": f"About {word}",
        "body": f"A long account of {word}, of those who live by {word}, and of number {number}.",
        "price": number,
    }
    for number, word in enumerate(WORDS)
]


def vector_spec(distribution: str, dim: int, space: str = "cosinesimil") -> dict[str, Any]:
    """The mapping of a field of vectors; space: by OpenSearch's name."""
    if distribution == "opensearch":
        method = {"name": "hnsw", "engine": "lucene", "space_type": space}
        return {"type": "knn_vector", "dimension": dim, "method": method}
    names = {"cosinesimil": "cosine", "l2": "l2_norm", "innerproduct": "dot_product"}
    return {"type": "dense_vector", "dims": dim, "index": True, "similarity": names[space]}


def make_index(
    cluster: Any,
    name: str,
    properties: Mapping[str, Any],
    documents: Sequence[Mapping[str, Any]],
    **settings: Any,
) -> None:
    """Create an index, and index documents under ids from "0"."""
    opensearch = cluster.capabilities.distribution == "opensearch"
    index = {"number_of_replicas": 0, **({"knn": True} if opensearch else {}), **settings}
    body = {"settings": {"index": index}, "mappings": {"properties": dict(properties)}}
    cluster.client.indices.create(index=name, body=body)
    lines: list[Any] = []
    for number, document in enumerate(documents):
        lines += [{"index": {"_id": str(number)}}, document]
    if lines:
        answer = cluster.client.bulk(index=name, body=lines, refresh=True)
        assert not answer["errors"], answer


def make_books(
    cluster: Any,
    name: str,
    encode: Callable[[Sequence[str]], Sequence[Any]],
    encoded: Callable[[Mapping[str, Any]], str] = lambda book: str(book["body"]),
    *,
    space: str = "cosinesimil",
    scale: float = 1.0,
    more: Sequence[Mapping[str, Any]] = (),
) -> None:
    """An index of BOOKS with the vectors of what is `encoded` of each, and of others without."""
    vectors = [scale * each for each in encode([encoded(book) for book in BOOKS])]
    distribution = cluster.capabilities.distribution
    properties = {
        "headline": {"type": "text"},
        "body": {"type": "text"},
        "body_vector": vector_spec(distribution, len(vectors[0]), space),
    }
    held = [
        {**book, "body_vector": each.tolist()} for book, each in zip(BOOKS, vectors, strict=True)
    ]
    make_index(cluster, name, properties, [*held, *more])
