"""What the graph of a field of vectors takes of memory, whoever laid the field out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mappings.quantization import CORRECTIONS, SOURCES, InGraph

# Edges of a node where a mapping does not say: k-NN's and Elasticsearch's own default.
_M = 16
# Bytes of a component as it is given.
_ELEMENTS = {"float": 4.0, "bfloat16": 2.0, "byte": 1.0, "binary": 1 / 8, "bit": 1 / 8}
# Kind of graph -> bytes of a component in it, and the name of what stands beside each vector.
_QUANTIZED = {
    "int8_hnsw": (1.0, "int8"),
    "int4_hnsw": (0.5, "int4"),
    "bbq_hnsw": (1 / 8, "binary"),
}


@dataclass(frozen=True)
class GraphMemory:
    """Bytes for searches without reads from disk, replicas not counted.

    formula: with its numbers; source: where it stands.
    """

    size: int
    formula: str
    source: str


def graph_memory(field: Mapping[str, Any], vectors: int) -> GraphMemory | None:
    """What so many vectors of a field take, by its part of the mapping.

    None where no formula is published for how it is laid out, or where it has no graph.
    """
    dense = field.get("type") == "dense_vector"
    known = _dense(field) if dense else _knn(field)
    if known is None:
        return None
    component, beside, m = known
    dimension = int(field.get("dims" if dense else "dimension") or 0)
    one = InGraph("elasticsearch" if dense else "lucene", component, dimension, beside, m)
    return GraphMemory(
        round(one.bytes * vectors),
        f"{one.formula} bytes * {vectors:,} vectors",
        SOURCES["elasticsearch" if dense else "opensearch"],
    )


def _dense(field: Mapping[str, Any]) -> tuple[float, int, int] | None:
    """(bytes of a component, bytes beside a vector, edges of a node)."""
    options = field.get("index_options") or {}
    kind, m = options.get("type"), int(options.get("m") or _M)
    if kind in _QUANTIZED:
        component, name = _QUANTIZED[kind]
        return component, CORRECTIONS[name], m
    element = _ELEMENTS.get(field.get("element_type", "float"))
    return None if kind != "hnsw" or element is None else (element, 0, m)


def _knn(field: Mapping[str, Any]) -> tuple[float, int, int] | None:
    method = field.get("method") or {}
    parameters = method.get("parameters") or {}
    if "model_id" in field or method.get("name", "hnsw") != "hnsw":
        return None
    m, encoder = int(parameters.get("m") or _M), parameters.get("encoder") or {}
    element = _ELEMENTS.get(str(field.get("data_type", "float")).lower())
    usual = "1x"
    if field.get("mode") == "on_disk":
        usual = "4x" if method.get("engine") == "lucene" else "32x"
    level = float(str(field.get("compression_level", usual)).rstrip("x"))
    if encoder and encoder.get("name") != "flat":
        coded = _encoded(encoder)
        return None if coded is None else (coded, 0, m)
    return None if element is None else (element / level, 0, m)


def _encoded(encoder: Mapping[str, Any]) -> float | None:
    """Bytes of a component under an encoder of k-NN's; None for one that is trained."""
    told = encoder.get("parameters") or {}
    if not (said := str(told.get("bits", 0))).isdecimal():
        return None
    bits = int(said)
    if encoder.get("name") == "binary":
        return (bits or 1) / 8
    if encoder.get("name") != "sq":
        return None
    if bits:
        return {7: 8}.get(bits, bits) / 8  # Lucene keeps 7 in a byte
    return 1.0 if "confidence_interval" in told else 2.0
