"""Fill in the JSON bodies; pure functions, no network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Literal

from mappings.errors import MappingError
from mappings.quantization import QUANTIZATIONS, Quantization, quantization_of, quantize
from mappings.record import Fields, IndexRecord, shards_of
from mappings.types import field_mapping
from tandem.base.arguments import checked_arguments

# k-NN's KNNEngine.java allows 16,000 dimensions; Elasticsearch's dense_vector allows 4,096.
MAX_DIMENSION = {"opensearch": 16_000, "elasticsearch": 4_096}
Engine = Literal["lucene", "faiss"]
ENGINES = ("lucene", "faiss")
# What of a Shape is decided when an index is made.
FIXED = ("analyzer", "engine", "quantization", "m", "ef_construction", "shards")


@checked_arguments(MappingError)
@dataclass(frozen=True, kw_only=True)
class Shape:
    """How an index is laid out, apart from who encodes it.

    analyzer: of the text and title fields; m and ef_construction: edges of a node and candidates
    while building in HNSW (https://arxiv.org/abs/1603.09320); engine: OpenSearch only;
    quantization: how vectors are kept in fewer bits, where the engine can; field_types: dotted name
    -> type of metadata, one of mappings.types.TYPES or date:FORMAT.
    """

    analyzer: str = "standard"
    engine: Engine = "lucene"
    quantization: Quantization = "none"
    m: int = 16
    ef_construction: int = 100
    shards: int = 1
    replicas: int = 1
    field_types: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse an unknown engine and sizes below 1 (replicas below 0)."""
        if self.engine not in ENGINES:
            raise MappingError(f"unknown engine {self.engine!r}: use {' or '.join(ENGINES)}.")
        if self.quantization not in QUANTIZATIONS:
            raise MappingError(
                f"unknown quantization {self.quantization!r}: use one of "
                f"{', '.join(QUANTIZATIONS)}."
            )
        for name in ("m", "ef_construction", "shards"):
            if getattr(self, name) < 1:
                raise MappingError(f"{name} is {getattr(self, name)} and must be at least 1.")
        if self.replicas < 0:
            raise MappingError(f"replicas is {self.replicas} and must be at least 0.")
        for name, kind in self.field_types.items():
            field_mapping(kind, "opensearch")
            if name.split(".")[0] in Fields().names():
                raise MappingError(f"{name!r} is a field that Tandem writes itself: leave it out.")


def index_body(
    record: IndexRecord, shape: Shape | None = None, distribution: str = "opensearch"
) -> dict[str, Any]:
    """Make the body of PUT /INDEX for a record and a shape.

    distribution is "opensearch" (knn_vector, cosinesimil) or "elasticsearch" (dense_vector,
    cosine). Raises MappingError for a dimension that the distribution cannot hold.
    """
    shape = shape or Shape()
    dimension, most = record.encoder.dimension, MAX_DIMENSION[distribution]
    if not 1 <= dimension <= most:
        raise MappingError(
            f"the model gives {dimension} dimensions and {distribution} holds 1 to {most}: "
            "choose another model, or shorten its vectors with `truncate_dim`."
        )
    body: dict[str, Any] = json.loads(
        files("mappings").joinpath("bodies", f"{distribution}.json").read_text("utf-8")
    )
    index = body["settings"]["index"]
    index["number_of_shards"], index["number_of_replicas"] = shape.shards, shape.replicas
    body["mappings"]["_meta"] = record.to_meta()
    body["mappings"]["properties"] = {
        **_properties(body["mappings"]["properties"], record, shape),
        **metadata_properties(shape, distribution),
    }
    return body


def metadata_properties(shape: Shape, distribution: str) -> dict[str, Any]:
    """The part of a mapping's `properties` that a shape's types of metadata make."""
    properties: dict[str, Any] = {}
    for name, kind in shape.field_types.items():
        level, (*above, last) = properties, name.split(".")
        for each in above:
            level = level.setdefault(each, {}).setdefault("properties", {})
        level[last] = {**level.get(last, {}), **field_mapping(kind, distribution, shape.analyzer)}
    return properties


def laid_out(description: Mapping[str, Any], fields: Fields) -> dict[str, Any]:
    """What of a Shape an index has and cannot change: the answer's part of GET /INDEX, its fields.

    replicas are left out, because they can be changed, and engine where there is no choice of one.
    """
    properties = description["mappings"].get("properties", {})
    vector = properties.get(fields.vector, {})
    method = vector.get("method", {})
    found = {
        "analyzer": properties.get(fields.text, {}).get("analyzer", "standard"),
        "engine": method.get("engine"),
        **method.get("parameters", vector.get("index_options", {})),
        "quantization": quantization_of(vector),
        "shards": shards_of(description),
    }
    return {name: found[name] for name in FIXED if found.get(name) is not None}


def _properties(template: dict[str, Any], record: IndexRecord, shape: Shape) -> dict[str, Any]:
    hnsw = {"m": shape.m, "ef_construction": shape.ef_construction}
    vector = template["vector"]
    if vector["type"] == "knn_vector":
        vector["dimension"] = record.encoder.dimension
        vector["method"] |= {"engine": shape.engine, "parameters": hnsw}
    else:
        vector["dims"] = record.encoder.dimension
        vector["index_options"] |= hnsw
    quantize(vector, shape.quantization)
    for name in ("text", "title"):
        template[name]["analyzer"] = shape.analyzer
    return {getattr(record.fields, name): value for name, value in template.items()}
