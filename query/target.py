"""What is searched: the index's fields, its vectors and who made them, from GET /INDEX."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mappings import LOADING, EncoderRecord, Fields, IndexRecord, MappingError, read_record
from query.errors import FilterError, TargetError
from query.question import MOST

Types = Mapping[str, str]

INTEGERS = ("byte", "short", "integer", "long", "unsigned_long")
NUMBERS = (*INTEGERS, "half_float", "float", "double", "scaled_float")
DATES = ("date", "date_nanos")


def known_type(name: str, types: Types, index: str) -> str:
    """The type of a field; raises FilterError naming near ones where the index lacks it."""
    if name in ("_id", "_index"):
        return "_id"
    if name in types:
        return types[name]
    parts = name.split(".")
    for end in range(len(parts) - 1, 0, -1):  # a flat object's keys are not in the mapping
        if types.get(".".join(parts[:end])) in ("flat_object", "flattened"):
            return "keyword"
    near = difflib.get_close_matches(name, types, n=3)
    known = ", ".join(sorted(types)) or "none"
    hint = f"did you mean {' or '.join(near)}?" if near else f"it has {known}."
    raise FilterError(f"index {index!r} has no field {name!r}: {hint}")


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
    component; graph: it is searched through an HNSW graph, which may miss neighbours.
    """

    name: str
    dimension: int
    space: str
    engine: str | None
    compressed: bool
    graph: bool = True


@dataclass(frozen=True)
class Target:
    """An index or alias as a search sees it.

    name: as it was given; indexes: what stands behind it; types: dotted field name -> type;
    vectors: all that can be searched; record: who encoded it; refusal: why its vectors cannot be
    searched, though its text can; shards: index -> how many it has, 1 where that may not be read;
    window: index.max_result_window; pipeline: the index's own default search pipeline; loading: an
    ingestion has not finished.
    """

    name: str
    indexes: frozenset[str]
    fields: Fields
    types: Mapping[str, str]
    vectors: tuple[VectorField, ...]
    record: EncoderRecord | None
    refusal: str | None
    shards: Mapping[str, int]
    replicas: int
    window: int
    pipeline: str | None
    loading: bool

    @cached_property
    def all_shards(self) -> int:
        """Shards of all indexes together."""
        return sum(self.shards.values())

    @cached_property
    def hidden_fields(self) -> tuple[str, ...]:
        """What a hit's source never shows: vectors and the content hash."""
        vectors = {name for name, kind in self.types.items() if kind in VECTOR_TYPES}
        return tuple(sorted(vectors | {self.fields.vector, self.fields.content_hash}))

    @cached_property
    def shown_text(self) -> tuple[tuple[str, ...], ...]:
        """Where the text of a hit stands: paths of names, the first that is there."""
        names = dict.fromkeys((self.fields.text, *self.text_fields))
        return tuple(tuple(name.split(".")) for name in names)

    @cached_property
    def text_fields(self) -> tuple[str, ...]:
        """What BM25 searches by default: text and title, else every field of full text."""
        full = [
            name
            for name, kind in self.types.items()
            if kind == "text" and not nested_in(name, self.types)
        ]
        usual = [name for name in (self.fields.text, self.fields.title) if name in full]
        return tuple(usual or full)

    def vector_field(self, wanted: str | None) -> VectorField:
        """The field to search for neighbours; raises TargetError where there is not exactly one."""
        if self.refusal:
            raise TargetError(self.refusal)
        if not self.vectors:
            raise TargetError(
                f"index {self.name!r} has no field of vectors: search it with mode bm25, or "
                "ingest its documents with Tandem."
            )
        names = [vector.name for vector in self.vectors]
        if wanted is None and self.record:
            wanted = self.fields.vector
        if wanted is None and len(names) > 1:
            raise TargetError(
                f"index {self.name!r} has several fields of vectors ({', '.join(names)}): name "
                "one with --vector-field."
            )
        for vector in self.vectors:
            if wanted in (None, vector.name):
                return vector
        raise TargetError(
            f"index {self.name!r} has no field {wanted!r} of vectors: it has {', '.join(names)}."
        )


def read_target(name: str, found: Mapping[str, Any]) -> Target:
    """Make a Target of the answer to GET /NAME, or to GET /NAME/_mapping, which tells less.

    Raises TargetError where nothing stands behind the name, MappingError for a damaged record.
    """
    if not found:
        raise TargetError(f"no index is called {name!r}: check the name.")
    records, damage = _records(found)
    first = sorted(found)[0]
    record = records[first]
    settings = [_settings(found, index) for index in found]
    return Target(
        name=name,
        indexes=frozenset(found),
        fields=record.fields if record else Fields(),
        types={k: t for index in found for k, t in _resolved(_mapping(found, index)).items()},
        vectors=tuple(_vectors(_mapping(found, first))),
        record=record.encoder if record else None,
        refusal=damage or _refusal(name, found, records),
        shards={i: int(_settings(found, i).get("number_of_shards", 1)) for i in sorted(found)},
        replicas=max(int(each.get("number_of_replicas", 0)) for each in settings),
        window=min(int(each.get("max_result_window", MOST)) for each in settings),
        pipeline=next((p for each in settings if (p := _default_pipeline(each))), None),
        loading=any(_is_loading(_mapping(found, index)) for index in found),
    )


def _records(
    found: Mapping[str, Any],
) -> tuple[dict[str, IndexRecord | None], str | None]:
    """Each index's record, and what is wrong with one where several are searched.

    Its words can be found with those of the others; alone, its fields would not be known.
    """
    records: dict[str, IndexRecord | None] = {}
    damage = None
    for index in sorted(found):
        try:
            records[index] = read_record(_mapping(found, index), index)
        except MappingError as error:
            if len(found) == 1:
                raise
            records[index], damage = None, damage or str(error)
    return records, damage


def _mapping(found: Mapping[str, Any], index: str) -> Mapping[str, Any]:
    mapping: Mapping[str, Any] = found[index].get("mappings") or {}
    return mapping


def _settings(found: Mapping[str, Any], index: str) -> Mapping[str, Any]:
    settings: Mapping[str, Any] = found[index].get("settings", {}).get("index", {})
    return settings


def _is_loading(mapping: Mapping[str, Any]) -> bool:
    meta = mapping.get("_meta")
    return isinstance(meta, Mapping) and bool(meta.get(LOADING))


def _default_pipeline(settings: Mapping[str, Any]) -> str | None:
    name = (settings.get("search") or {}).get("default_pipeline")
    return name if name and name != "_none" else None


def _resolved(mapping: Mapping[str, Any]) -> dict[str, str]:
    """Dotted name -> type of every field; an alias of a field has that field's type.

    Not one of a field of vectors, which finds nothing (k-NN#3485): that stays an alias.
    """
    types, paths = dict(_types(mapping)), dict(_aliases(mapping))
    for name, path in paths.items():
        kind = types.get(path, "alias")
        types[name] = "alias" if kind in VECTOR_TYPES else kind
    return types


def _aliases(mapping: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, spec in (mapping.get("properties") or {}).items():
        if spec.get("type") == "alias":
            yield prefix + name, spec["path"]
        yield from _aliases(spec, f"{prefix}{name}.")


def _types(mapping: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """(dotted name, type) of every field, sub-fields and multi-fields included."""
    for name, spec in (mapping.get("properties") or {}).items():
        whole = prefix + name
        yield whole, _type(spec)
        yield from _types(spec, f"{whole}.")
        for sub, sub_spec in (spec.get("fields") or {}).items():
            yield f"{whole}.{sub}", sub_spec["type"]


def _type(spec: Mapping[str, Any]) -> str:
    """A field's type; nested objects that are also part of what they are in are like others."""
    kind: str = spec.get("type", "object")
    both = spec.get("include_in_root") or spec.get("include_in_parent")
    return "object" if kind == "nested" and both else kind


def _vectors(mapping: Mapping[str, Any], prefix: str = "") -> Iterator[VectorField]:
    for name, spec in (mapping.get("properties") or {}).items():
        kind = spec.get("type")
        if kind in VECTOR_TYPES and spec.get("index", True):
            yield _vector_field(prefix + name, spec)
        elif kind != "nested":  # neighbours inside nested documents need a query of their own
            yield from _vectors(spec, f"{prefix}{name}.")


def _vector_field(name: str, spec: Mapping[str, Any]) -> VectorField:
    if spec["type"] == "dense_vector":
        kind = (spec.get("index_options") or {}).get("type", "")
        compressed = kind.startswith(("int", "bbq")) or spec.get("element_type", "float") != "float"
        space = spec.get("similarity", "cosine")
        graph = not kind or kind.endswith("hnsw")
        return VectorField(name, int(spec.get("dims", 0)), space, None, compressed, graph)
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
    )


def _refusal(
    name: str, found: Mapping[str, Any], records: Mapping[str, IndexRecord | None]
) -> str | None:
    """Why the vectors behind a name cannot be searched together, or None."""
    encoders = {index: record.encoder for index, record in records.items() if record}
    if encoders and len(encoders) < len(records):
        bare = sorted(set(records) - set(encoders))[0]
        return (
            f"{name!r} stands for {len(found)} indexes and {bare!r} has no record of its encoder: "
            "search the indexes one by one."
        )
    if len({each.fingerprint for each in encoders.values()}) > 1:
        told = ", ".join(f"{i} by {e.model} ({e.fingerprint})" for i, e in sorted(encoders.items()))
        return (
            f"{name!r} stands for indexes that different models encoded ({told}), whose vectors do "
            "not compare: search them one by one, or point the alias at one."
        )
    for index in sorted(found):
        settings = _settings(found, index)
        kinds = [kind for _, kind in _types(_mapping(found, index))]
        if settings and "knn_vector" in kinds and str(settings.get("knn")) != "true":
            return (
                f"index {index!r} has index.knn false, which cannot be changed, so its vectors "
                "cannot be searched: ingest into a new index, or use mode bm25."
            )
    return None
