"""The fields of metadata in an index: those it has, those a load adds, those it would refuse."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cluster.errors import ClusterError
from ingest.errors import IndexRefusedError
from ingest.index.loading import OpenIndex
from ingest.index.types.infer import infer_types, leaves
from ingest.records import Document
from mappings import Fields, Shape, settings_of
from mappings.body import metadata_properties
from mappings.types import FLAT, field_mapping, stored_types, type_of

if TYPE_CHECKING:
    from cluster import Cluster

# An index that is there: its own name, its description by GET /INDEX, Tandem's own fields.
Found = tuple[str, Mapping[str, Any], Fields]

# index.mapping.total_fields.limit where nobody set it.
MOST_FIELDS = 1000
_LIMIT = re.compile(r"imit of total fields \[(\d+)\]")
_SHOWN = 5


@dataclass(frozen=True)
class PlannedFields:
    """shape: with the types to be made; types: all of the index by then; warnings: of dates."""

    shape: Shape
    types: Mapping[str, str]
    warnings: tuple[str, ...] = ()


def planned_fields(
    cluster: Cluster, found: Found | None, shape: Shape, documents: Sequence[Document]
) -> PlannedFields:
    """What becomes of documents' metadata in an index that is there, or in a new one.

    Raises IndexRefusedError where a type that was set is not the index's, and where a strict
    mapping would refuse the documents.
    """
    if found is None:
        typed, said = _typed(shape, documents)
        return PlannedFields(typed, typed.field_types, said)
    name, description, fields = found
    added, said = _added(cluster, description, shape, documents)
    check_strict(name, description, documents, {*fields.names(), *added.field_types})
    return PlannedFields(added, {**types_in(description, fields), **added.field_types}, said)


def _typed(shape: Shape, documents: Sequence[Document]) -> tuple[Shape, tuple[str, ...]]:
    """The shape with the types that documents tell, and what is to be said of them."""
    inferred = infer_types(documents, shape.field_types)
    return replace(shape, field_types=inferred.types), tuple(
        f"the dates of field {name!r} could be day/month or month/day, so they are words: say "
        f"`field_types` '{name}=date:d/M/uuuu' or '{name}=date:M/d/uuuu'."
        for name in inferred.ambiguous
    )


def types_in(description: Mapping[str, Any], fields: Fields) -> dict[str, str]:
    """Dotted name -> type of the metadata in an index, as GET /INDEX describes it."""
    properties = description["mappings"].get("properties", {})
    return {
        name: type_of(spec)
        for name, spec in stored_types(properties)
        if name not in fields.names() and not _takes_misfits(spec, description)
    }


def _takes_misfits(spec: Mapping[str, Any], description: Mapping[str, Any]) -> bool:
    """Whether the cluster stores what does not fit a field, and finds it nowhere."""
    of_index = settings_of(description).get("mapping", {}).get("ignore_malformed", False)
    return str(spec.get("ignore_malformed", of_index)).lower() == "true"


def _added(
    cluster: Cluster, description: Mapping[str, Any], shape: Shape, documents: Sequence[Document]
) -> tuple[Shape, tuple[str, ...]]:
    """The shape with only those types that an index lacks, and what is to be said of them.

    Raises IndexRefusedError where a type that was set is not the index's.
    """
    properties = description["mappings"].get("properties", {})
    there = dict(stored_types(properties))
    distribution = cluster.capabilities.distribution
    for name, kind in shape.field_types.items():
        wanted = field_mapping(kind, distribution)
        if name in there and type_of(there[name]) != type_of(wanted):
            raise IndexRefusedError(
                f"field {name!r} of the index has type {type_of(there[name])} and `field_types` "
                f"asks for {kind}: leave that out, or ingest into a new index or with `alias`."
            )
    dynamic = str(description["mappings"].get("dynamic", "true")).lower()
    if dynamic == "true":
        typed, said = _typed(shape, documents)
    else:
        typed, said = shape, ()
    taken = {*there, *_objects(properties)}
    added = {name: kind for name, kind in typed.field_types.items() if _is_free(name, taken)}
    return replace(shape, field_types=added), said


def _objects(properties: Mapping[str, Any], prefix: str = "") -> set[str]:
    found = set()
    for name, spec in properties.items():
        if "properties" in spec:
            found |= {prefix + name, *_objects(spec["properties"], f"{prefix}{name}.")}
    return found


def _is_free(name: str, taken: set[str]) -> bool:
    """Whether neither a field nor what it would be in is there already as something else."""
    parts = name.split(".")
    return name not in taken and not any(
        ".".join(parts[:end]) in taken for end in range(1, len(parts))
    )


def enter_types(
    cluster: Cluster, index: OpenIndex, shape: Shape, documents: Sequence[Document]
) -> PlannedFields:
    """Give an open index the types that it lacks, before the first document is sent.

    Raises IndexRefusedError where it would refuse the documents.
    """
    found = index.name, cluster.get_index(index.name)[index.name], index.fields
    planned = planned_fields(cluster, found, shape, documents)
    add_types(cluster, index.name, planned.shape)
    return planned


def add_types(cluster: Cluster, index: str, shape: Shape) -> None:
    """Put a shape's types into an index that is there; raises IndexRefusedError for too many."""
    if not shape.field_types:
        return
    properties = metadata_properties(shape, cluster.capabilities.distribution)
    with telling_of_fields(shape), cluster.explaining():
        cluster.client.indices.put_mapping(index=index, body={"properties": properties})


@contextmanager
def telling_of_fields(shape: Shape) -> Iterator[None]:
    """An index that cannot have so many fields is told with the cure that fits them.

    A limit that somebody set lower may leave no room for Tandem's own: then it is to be raised.
    """
    try:
        yield
    except ClusterError as error:
        limit = _LIMIT.search(str(error))
        if limit is None or int(limit[1]) < MOST_FIELDS:
            raise
        raise IndexRefusedError(f"{said_of_too_many(len(shape.field_types), shape)}.") from error


def said_of_too_many(count: int, shape: Shape) -> str:
    """What is wrong with so many fields, and the cure that fits them."""
    tops = Counter(name.split(".")[0] for name in shape.field_types if "." in name)
    largest = tops.most_common(1)
    flat = {name: FLAT for name, _ in largest}
    cure = f"`field_types={flat}` makes the largest a flat object" if flat else ""
    cure = cure or "leave some out with `drop_fields`, by a pattern such as 'emb_*'"
    return (
        f"the documents have {count:,} fields of metadata, which is more than an index takes "
        f"(index.mapping.total_fields.limit, {MOST_FIELDS:,} unless set): {cure}"
    )


def check_strict(
    name: str, description: Mapping[str, Any], documents: Sequence[Document], added: set[str]
) -> None:
    """Raise IndexRefusedError where a strict mapping would refuse the documents' fields.

    added: names that are in it, or will be, whatever the description says.
    """
    mapping = description["mappings"]
    if mapping.get("dynamic") != "strict":
        return
    known = {*mapping.get("properties", {}), *(each.split(".")[0] for each in added)}
    missing = {n.split(".")[0] for d in documents for n, _ in leaves(d.metadata, {})} - known
    if not missing:
        return
    shown = ", ".join(sorted(missing)[:_SHOWN]) + (", ..." if len(missing) > _SHOWN else "")
    raise IndexRefusedError(
        f"the mapping of index {name!r} is strict and lacks {len(missing)} of the documents' "
        f"fields ({shown}), so it would refuse them: leave these out with `drop_fields`, or add "
        "them to the mapping with `field_types`."
    )
