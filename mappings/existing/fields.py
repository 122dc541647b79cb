"""What a mapping says of fields: their types, and which hold vectors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Types = Mapping[str, str]


def nested_in(name: str, types: Types) -> str | None:
    """The nearest nested field that a field is, or is in: nothing outside of it sees the field."""
    parts = name.split(".")
    above = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
    return next((each for each in above if types.get(each) == "nested"), None)


VECTOR_TYPES = ("knn_vector", "dense_vector")
# k-NN before 3.0 took nmslib where a mapping names no engine, and l2 where it names no space.
DEFAULT_SPACE = "l2"


@dataclass(frozen=True)
class VectorField:
    """A field that can be searched for neighbours.

    engine: None on Elasticsearch; compressed: its vectors are stored with less than 32 bits a
    component; graph: it is searched through an HNSW graph, which may miss neighbours; nested: the
    nested objects that it is in, of which one document has several; element: float, byte or binary,
    as what it takes is called.
    """

    name: str
    dimension: int
    space: str
    engine: str | None
    compressed: bool
    graph: bool = True
    nested: str | None = None
    element: str = "float"


def has_vector(name: str, types: Types) -> dict[str, Any]:
    """The query for documents that have a vector in a field."""
    query = {"exists": {"field": name}}
    path = nested_in(name, types)
    return {"nested": {"path": path, "query": query}} if path else query


def resolved(mapping: Mapping[str, Any]) -> dict[str, str]:
    """Dotted name -> type of every field; an alias of a field has that field's type.

    Not one of a field of vectors, which finds nothing (k-NN#3485): that stays an alias.
    """
    types, paths = dict(types_of(mapping)), dict(_aliases(mapping))
    for name, path in paths.items():
        kind = types.get(path, "alias")
        types[name] = "alias" if kind in VECTOR_TYPES else kind
    return types


def _aliases(mapping: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, spec in (mapping.get("properties") or {}).items():
        if spec.get("type") == "alias":
            yield prefix + name, spec.get("path", "")
        yield from _aliases(spec, f"{prefix}{name}.")


def source_field(name: str, mapping: Mapping[str, Any]) -> str:
    """Which field of a document's source a field's values stand in.

    Itself, unless it is an alias of another field, or another view of one (a multi-field).
    """
    path = dict(_aliases(mapping)).get(name, name)
    return dict(_views(mapping)).get(path, path)


def _views(mapping: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, spec in (mapping.get("properties") or {}).items():
        whole = prefix + name
        yield from ((f"{whole}.{sub}", whole) for sub in spec.get("fields") or {})
        yield from _views(spec, f"{whole}.")


def types_of(mapping: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """(dotted name, type) of every field, sub-fields and multi-fields included."""
    for name, spec in (mapping.get("properties") or {}).items():
        whole = prefix + name
        yield whole, _type(spec)
        yield from types_of(spec, f"{whole}.")
        for sub, sub_spec in (spec.get("fields") or {}).items():
            yield f"{whole}.{sub}", _type(sub_spec)


def _type(spec: Mapping[str, Any]) -> str:
    """A field's type; nested objects that are also part of what they are in are like others."""
    kind: str = spec.get("type", "object")
    both = spec.get("include_in_root") or spec.get("include_in_parent")
    return "object" if kind == "nested" and both else kind


def vectors(
    mapping: Mapping[str, Any], prefix: str = "", nested: str | None = None
) -> Iterator[VectorField]:
    """Every field of vectors that can be searched."""
    for name, spec in (mapping.get("properties") or {}).items():
        whole = prefix + name
        if spec.get("type") in VECTOR_TYPES and spec.get("index", True):
            yield _vector_field(whole, spec, nested)
        else:
            # Neighbours inside nested objects need a query of their own.
            inside = whole if spec.get("type") == "nested" else nested
            yield from vectors(spec, f"{whole}.", inside)


def element_of(name: str, mapping: Mapping[str, Any]) -> str:
    """What numbers a field of vectors holds; float where there is none yet."""
    return next((each.element for each in vectors(mapping) if each.name == name), "float")


def _vector_field(name: str, spec: Mapping[str, Any], nested: str | None) -> VectorField:
    if spec["type"] == "dense_vector":
        kind = (spec.get("index_options") or {}).get("type", "")
        element = {"bit": "binary"}.get(found := spec.get("element_type", "float"), found)
        compressed = kind.startswith(("int", "bbq")) or element != "float"
        usual = "l2_norm" if element == "binary" else "cosine"
        space = spec.get("similarity", usual)
        graph = not kind or kind.endswith("hnsw")
        dims = int(spec.get("dims", 0))
        return VectorField(name, dims, space, None, compressed, graph, nested, element)
    method = spec.get("method") or {}
    level = spec.get("compression_level", "1x")
    encoder = ((method.get("parameters") or {}).get("encoder") or {}).get("name", "flat")
    return VectorField(
        name,
        int(spec.get("dimension", 0)),
        method.get("space_type") or spec.get("space_type") or DEFAULT_SPACE,
        method.get("engine", "nmslib"),
        level != "1x" or spec.get("mode") == "on_disk" or encoder != "flat",
        method.get("name", "hnsw") == "hnsw" and "model_id" not in spec,
        nested,
        spec.get("data_type", "float").lower(),  # OpenSearch shows it in capitals
    )
