"""How an index is laid out: whose it is, its fields, its vectors, and what their graph takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from cluster.diagnosis.finding import Finding
from ingest.errors import IndexRefusedError
from ingest.index.describe import size
from ingest.index.existing.diagnosis.index import Index
from ingest.index.existing.updatable import needs_copy
from mappings import MappingError, replicas_of
from mappings.existing import graph_memory
from mappings.quantization import quantization_of


def of_record(index: Index) -> list[Finding]:
    """Who made the index, and by which model its record says that it was encoded."""
    try:
        record = index.record
    except MappingError as error:
        return [Finding(index.section, "record", "damaged", str(error))]
    if record is None:
        cure = f"`adopt_index(cluster, {index.name!r}, encoder)` takes it over, if its model fits"
        if not index.vectors:
            cure = enriching(index)
        return [Finding(index.section, "record", "none: others made it", cure, needed=False)]
    made = "adopted, made by others" if record.adopted else "made by Tandem"
    encoder = record.encoder
    told = [f"{made}, encoded by {encoder.model} (fingerprint {encoder.fingerprint})"]
    told += [f"{name} {value!r}" for name, value in encoder.settings.items()]
    if record.template is not None:
        told.append(f"of each document {record.template!r}")
    return [Finding(index.section, "record", ", ".join(told))]


def enriching(index: Index) -> str:
    """What gives its documents vectors, by a copy where it cannot have any itself."""
    copied = ""
    try:
        if index.settings and needs_copy(index.cluster, index.name, index.description):
            copied = f", copy_to={index.name + '-2'!r}"
    except IndexRefusedError as error:
        return str(error)
    return f"`enrich(cluster, {index.name!r}, encoder{copied})` gives its documents vectors"


def of_fields(index: Index) -> list[Finding]:
    """Which fields hold the text, the titles, the vectors and the documents' ids, and who says so.

    Raises ClusterError and MappingError.
    """
    try:
        fields, _ = index.found
    except IndexRefusedError as error:
        return [Finding(index.section, "fields", "no text is found", str(error), needed=False)]
    named = {name: field for name, field in asdict(fields).items() if field in index.types}
    roles = {"text": "text", "title": "titles", "vector": "vectors", "document_id": "ids"}
    told = ", ".join(f"{roles[each]} in {named[each]!r}" for each in roles if each in named)
    if index.record:
        return [Finding(index.section, "fields", f"{told}, by the record")]
    who = "as named, or found" if index.roles.given or index.vector_field else "found"
    return [Finding(index.section, "fields", f"{told}, {who} by names, types and a sample")]


def of_vectors(index: Index) -> list[Finding]:
    """How vectors are kept, compared and found; raises MappingError."""
    vector, section = index.vector, index.section
    if vector is None and len(index.vectors) > 1:
        told = f"several fields: {', '.join(index.vectors)}"
        return [Finding(section, "vectors", told, "name one with `vector_field`", needed=False)]
    if vector is None:
        told = "no field that can be searched"
        return [Finding(section, "vectors", told, enriching(index), needed=False)]
    spec = _spec(index.mapping, vector.name)
    way = quantization_of(spec) or "of another kind than Tandem's own"
    told = f"{vector.dimension} dimensions of {vector.element}, compared by {vector.space}"
    told += f", engine {vector.engine}" if vector.engine else ""
    told += ", searched through a graph (HNSW)" if vector.graph else ", searched one by one"
    told += f", in nested objects {vector.nested}" if vector.nested else ""
    never = None
    if vector.engine and index.settings is not None and str(index.settings.get("knn")) != "true":
        never = "index.knn is false and cannot be changed: ingest its documents into a new index"
    return [
        Finding(section, "vectors", told, never),
        Finding(section, "quantization", f"{way}{_options(spec)}"),
    ]


def of_memory(index: Index) -> list[Finding]:
    """What the graph of its vectors takes, by which formula; raises ClusterError, MappingError."""
    if index.vector is None:
        return []
    section, name = index.section, "memory of its graph"
    nested = index.vector.nested
    count = nested_vectors(index) if nested else index.with_vector or 0
    found = graph_memory(_spec(index.mapping, index.vector.name), count)
    if found is None:
        told = "not known: no formula is published for how its vectors are kept"
        return [Finding(section, name, told, used=False)]
    told = f"{size(found.size)} = {found.formula} ({found.source})"
    if copies := replicas_of(index.description):
        told += (
            f", and the same for each of {copies} replicas"
            if copies > 1
            else ", twice with its replica"
        )
    return [Finding(section, name, told)]


def nested_vectors(index: Index) -> int:
    """Vectors in nested objects, all documents together; raises ClusterError."""
    vector = index.vector
    if vector is None or vector.nested is None:
        return 0
    having = {"exists": {"field": vector.name}}
    aggregations = {
        "nested": {"nested": {"path": vector.nested}, "aggs": {"having": {"filter": having}}}
    }
    answer = index.ask({"size": 0, "aggs": aggregations})
    return int(answer["aggregations"]["nested"]["having"]["doc_count"])


def _spec(mapping: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A field's part of a mapping."""
    spec: Mapping[str, Any] = mapping
    for part in name.split("."):
        spec = spec["properties"][part]
    return spec


def _options(spec: Mapping[str, Any]) -> str:
    """What a mapping says of how vectors are kept, as it says it."""
    method = spec.get("method") or {}
    said = {name: spec[name] for name in ("mode", "compression_level", "data_type") if name in spec}
    said |= method.get("parameters") or {}
    said |= spec.get("index_options") or {}
    return f" ({', '.join(f'{name} {value}' for name, value in said.items())})" if said else ""
