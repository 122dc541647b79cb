"""What an index that others made still lacks: names that are free in it, and their mapping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from mappings.body import Shape, index_body
from mappings.errors import MappingError
from mappings.existing.fields import Types
from mappings.pipelines.search import SEARCH
from mappings.record import LOADING, Fields, IndexRecord, own_meta

# What only Tandem writes: a field of that name which is theirs keeps its meaning.
_OWN = ("content_hash", "document_id", "position")


def with_free_names(fields: Fields, types: Types) -> Fields:
    """The same fields, with other names for Tandem's own where the index has such fields already.

    types: dotted name -> type of what is there. A title may go into a text or a keyword of theirs.
    """
    taken = [role for role in _OWN if getattr(fields, role) in types]
    if types.get(fields.title, "text") not in ("text", "keyword"):
        taken.append("title")
    return replace(fields, **{role: f"tandem_{role}" for role in taken})


def missing_properties(
    record: IndexRecord, types: Types, distribution: str, nested: str | None = None
) -> dict[str, Any]:
    """The part of a mapping's `properties` that an index lacks for its record's fields.

    nested: the nested objects that hold the vectors, None where each document has one vector.
    """
    whole = index_body(record, Shape(), distribution)["mappings"]["properties"]
    ours = set(asdict(record.fields).values())
    lacking = {name: spec for name, spec in whole.items() if name in ours and name not in types}
    if nested and (vector := lacking.pop(record.fields.vector, None)):
        leaf = record.fields.vector.removeprefix(f"{nested}.")
        lacking[nested] = {"type": "nested", "properties": {leaf: vector}}
    return lacking


def with_record(mapping: Mapping[str, Any], record: IndexRecord) -> dict[str, Any]:
    """A mapping's whole `_meta` with a record: the cluster replaces it as one.

    Raises MappingError where its owner keeps something there that would become Tandem's by it.
    """
    meta = mapping.get("_meta") or {}
    taken = [key for key in (LOADING, SEARCH) if key in meta and not own_meta(mapping)]
    if taken:
        raise MappingError(
            f"the mapping's _meta of the index has {taken[0]!r}, which Tandem would take for its "
            "own beside a record: give that another name there first."
        )
    return {**meta, **record.to_meta()}
