"""What an index needs before its documents get vectors in place, and what forbids it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cluster.errors import MissingIndexError
from ingest.errors import IndexRefusedError
from ingest.index.existing.adopt import fields_of, put_record, record_of
from ingest.index.open import check_record, writable
from ingest.records import PassageEncoder
from mappings import IndexRecord, read_record
from mappings.existing import Roles, nested_in, resolved, vectors, with_free_names

if TYPE_CHECKING:
    from cluster import Cluster

_TEXT_ALONE = "{text}"


@dataclass(frozen=True)
class Prepared:
    """An index that can be enriched: its own name, shards, record, and how its fields were found.

    mapping: as it is; new: the record is not there yet.
    """

    index: str
    shards: int
    record: IndexRecord
    notes: tuple[str, ...]
    mapping: Mapping[str, Any]
    new: bool

    def write(self, cluster: Cluster) -> None:
        """Put the record and the fields that the index lacks; raises ClusterError."""
        if self.new:
            put_record(cluster, self.index, self.mapping, self.record)


def prepared(
    cluster: Cluster, name: str, encoder: PassageEncoder, roles: Roles, vector_field: str | None
) -> Prepared:
    """Look at an index, and change nothing.

    Raises IndexRefusedError where an update would destroy fields, where vectors cannot be searched
    there or are another model's, and MissingIndexError.
    """
    if (found := writable(cluster, name)) is None:
        raise MissingIndexError(f"no index is called {name!r}", "check the name")
    index, description = found
    mapping, settings = description["mappings"], description["settings"]["index"]
    _check_source(index, mapping, settings)
    if cluster.capabilities.distribution == "opensearch" and settings.get("knn") != "true":
        raise IndexRefusedError(
            f"index {index!r} has index.knn false, which cannot be changed, so vectors in it "
            "cannot be searched: ingest its documents into a new index."
        )
    shards = int(settings["number_of_shards"])
    if record := read_record(mapping, index):
        check_record(index, description, encoder)
        _check_names(index, record, roles, vector_field)
        return Prepared(index, shards, record, (), mapping, new=False)
    types = resolved(mapping)
    fields, notes = fields_of(cluster, index, types, roles)
    if nested_in(fields.text, types):
        raise IndexRefusedError(
            f"the text {fields.text!r} of index {index!r} is in nested objects, of which one "
            "document has several: name another `text_field`."
        )
    vector = vector_field or f"{fields.text}_vector"
    _check_vector(cluster, index, mapping, vector, encoder.dim)
    template = None if roles.title else _TEXT_ALONE
    fields = with_free_names(replace(fields, vector=vector), types)
    return Prepared(index, shards, record_of(encoder, fields, template), notes, mapping, new=True)


def _check_source(index: str, mapping: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    source = mapping.get("_source") or {}
    of_mapping = (settings.get("mapping") or {}).get("source") or {}
    derived = (settings.get("derived_source") or {}).get("enabled") == "true"
    if source.get("enabled") is False:
        why = "is off"
    elif source.get("includes") or source.get("excludes"):
        why = "leaves fields out"
    elif derived or "synthetic" in (source.get("mode"), of_mapping.get("mode")):
        why = "is derived from other fields"
    else:
        return
    raise IndexRefusedError(
        f"the _source of index {index!r} {why}, so an update would destroy what it does not hold: "
        "ingest the documents from where they came into a new index."
    )


def _check_names(index: str, record: IndexRecord, roles: Roles, vector_field: str | None) -> None:
    fields = record.fields
    asked = (("text", roles.text), ("title", roles.title), ("vector", vector_field))
    for role, name in asked:
        if name not in (None, getattr(fields, role)):
            raise IndexRefusedError(
                f"index {index!r} has Tandem's record, by which its {role} is in "
                f"{getattr(fields, role)!r} and not in {name!r}: leave out `{role}_field`."
            )


def _check_vector(
    cluster: Cluster, index: str, mapping: Mapping[str, Any], name: str, dim: int
) -> None:
    """Refuse a field that holds something else, or vectors of whom nobody knows."""
    if name not in resolved(mapping):
        return
    there = next((each for each in vectors(mapping) if each.name == name), None)
    if there is None or there.dimension != dim:
        what = f"has {there.dimension} dimensions" if there else "is no field of vectors"
        raise IndexRefusedError(
            f"field {name!r} of index {index!r} {what} and the model gives {dim}: name another "
            "`vector_field`."
        )
    with cluster.explaining():
        query = {"query": {"exists": {"field": name}}}
        held = cluster.client.count(index=index, body=query)["count"]
    if held:
        raise IndexRefusedError(
            f"field {name!r} of index {index!r} holds {held:,} vectors, and nothing says whose: "
            f"`adopt_index(cluster, {index!r}, encoder)` finds out, or name another `vector_field`."
        )
