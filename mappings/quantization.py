"""How an index keeps its vectors in fewer bits, and what each way takes of memory and disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from mappings.errors import MappingError

Quantization = Literal[
    "none", "fp16", "int8", "byte", "int4", "binary", "on-disk", "on-disk-16x", "on-disk-8x"
]
QUANTIZATIONS: tuple[Quantization, ...] = get_args(Quantization)
Store = Literal["lucene", "faiss", "elasticsearch"]
STORES: tuple[Store, ...] = ("lucene", "faiss", "elasticsearch")

# What a field of vectors says beside what it says with whole vectors. OpenSearch: "Memory-optimized
# vectors" of its documentation, whose levels and bytes every version since 2.17 takes; the
# parameters of encoders changed with 3.6. Elasticsearch: `index_options` of dense_vector.
_LEVELS: Mapping[Store, Mapping[str, Mapping[str, str]]] = {
    "lucene": {"int8": {"compression_level": "4x"}, "byte": {"data_type": "byte"}},
    "faiss": {
        "fp16": {"compression_level": "2x"},
        "byte": {"data_type": "byte"},
        "binary": {"mode": "in_memory", "compression_level": "32x"},
        "on-disk": {"mode": "on_disk", "compression_level": "32x"},
        "on-disk-16x": {"mode": "on_disk", "compression_level": "16x"},
        "on-disk-8x": {"mode": "on_disk", "compression_level": "8x"},
    },
}
# faiss has no cosine of bytes (Faiss.java, validateMethod), and Tandem's are all of one length.
_SPACES = {("faiss", "byte"): "innerproduct"}
_GRAPHS = {"none": "hnsw", "int8": "int8_hnsw", "int4": "int4_hnsw", "binary": "bbq_hnsw"}


def ways_of(store: Store) -> tuple[str, ...]:
    """The quantizations that a k-NN engine of OpenSearch, or Elasticsearch, has."""
    if store == "elasticsearch":
        return tuple(_GRAPHS)
    return ("none", *_LEVELS[store])


def check_quantization(quantization: str, store: Store) -> None:
    """Raise MappingError where the store does not have it, naming those that it has."""
    if quantization in ways_of(store):
        return
    has = ", ".join(f"`quantization={each!r}`" for each in ways_of(store))
    cure = f"use one of {has}"
    if store == "lucene" and quantization in ways_of("faiss"):
        cure += ", or `engine='faiss'`"
    of = "Elasticsearch" if store == "elasticsearch" else f"the engine {store}"
    raise MappingError(f"{of} has no quantization {quantization!r}: {cure}.")


def quantize(field: dict[str, Any], quantization: str) -> None:
    """Change the mapping of a field of whole vectors to one that keeps them so.

    Raises MappingError where its engine does not have it.
    """
    store: Store = field["method"]["engine"] if field["type"] == "knn_vector" else "elasticsearch"
    check_quantization(quantization, store)
    if store == "elasticsearch":
        field["index_options"]["type"] = _GRAPHS[quantization]
    elif quantization != "none":
        field |= _LEVELS[store][quantization]
        method = field["method"]
        method["space_type"] = _SPACES.get((store, quantization), method["space_type"])


def quantization_of(field: Mapping[str, Any]) -> str | None:
    """What `quantize` was asked for, or None where a field is laid out in another way."""
    if field.get("type") == "dense_vector":
        kind = field.get("index_options", {}).get("type")
        return next((name for name, graph in _GRAPHS.items() if graph == kind), None)
    names = ("mode", "compression_level", "data_type")
    # OpenSearch shows kinds of data in capitals, and that of whole vectors too.
    said = {name: str(field[name]).lower() for name in names if name in field}
    if said.get("data_type") == "float":
        del said["data_type"]
    method = field.get("method", {})
    if "encoder" in method.get("parameters", {}):
        return None
    levels = _LEVELS.get(method.get("engine"), {})
    return next((name for name, level in levels.items() if level == said), None if said else "none")


# Bits of a dimension in memory; Elasticsearch keeps corrections beside its own, so many bytes a
# vector.
_BITS = {
    "none": 32,
    "fp16": 16,
    "int8": 8,
    "byte": 8,
    "int4": 4,
    "binary": 1,
    "on-disk": 1,
    "on-disk-16x": 2,
    "on-disk-8x": 4,
}
CORRECTIONS = {"int8": 4, "int4": 4, "binary": 14}
# Where each formula of an InGraph stands.
SOURCES = {
    "opensearch": 'OpenSearch\'s documentation, "k-NN methods and engines", memory estimation',
    "elasticsearch": 'Elastic\'s production guidance, "Tune approximate kNN search"',
}


@dataclass(frozen=True)
class InGraph:
    """One vector and its node of a graph in memory.

    component: bytes of a dimension; beside: bytes of what stands beside the vector; m: edges of a
    node. Source: 1.1 * (vector + 8 * m) of OpenSearch, vector + 4 * m of Elastic; see SOURCES.
    """

    store: Store
    component: float
    dimension: int
    beside: int
    m: int

    @property
    def bytes(self) -> float:
        """What it takes."""
        vector = self.component * self.dimension + self.beside
        return vector + 4 * self.m if self.store == "elasticsearch" else 1.1 * (vector + 8 * self.m)

    @property
    def formula(self) -> str:
        """The same as a formula with its numbers."""
        vector = f"{self.component:g} * {self.dimension}"
        vector += f" + {self.beside}" if self.beside else ""
        if self.store == "elasticsearch":
            return f"({vector} + 4 * {self.m})"
        return f"1.1 * ({vector} + 8 * {self.m})"


@dataclass(frozen=True)
class Need:
    """What the vectors and the graph of an index take, in bytes, replicas not counted.

    memory: of the nodes together, for searches without reads from disk; disk: of vectors and graph,
    without texts; formula: of the memory of one passage.
    """

    store: Store
    quantization: str
    memory: int
    disk: int
    formula: str


def needs(passages: int, dimension: int, m: int = 16) -> list[Need]:
    """What so many passages take under each quantization of each store.

    Memory: `InGraph.bytes` a passage. Disk: what is in memory, and the vector as it came, of 4
    bytes a dimension (1 of bytes), where a smaller one, or faiss's own file, stands beside it. No
    passages need nothing.
    """
    return [_need(store, way, passages, dimension, m) for store in STORES for way in ways_of(store)]


def _need(store: Store, way: str, passages: int, dimension: int, m: int) -> Need:
    corrections = CORRECTIONS.get(way, 0) if store == "elasticsearch" else 0
    one = InGraph(store, _BITS[way] / 8, dimension, corrections, m)
    given = _BITS["byte" if way == "byte" else "none"]
    beside = given * dimension / 8 if _BITS[way] != given or store == "faiss" else 0
    memory, disk = (round(size * passages) for size in (one.bytes, one.bytes + beside))
    return Need(store, way, memory, disk, one.formula)
