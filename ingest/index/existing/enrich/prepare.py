"""What an index needs before its documents get vectors, and what forbids it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from cluster.errors import MissingIndexError
from ingest.errors import IndexRefusedError
from ingest.index.aliases.written import check_unblocked, writable
from ingest.index.existing.adopt import fields_of, put_record, record_of
from ingest.index.existing.sample import count
from ingest.index.existing.updatable import check_in_place, hindrance
from ingest.index.open import check_record
from ingest.records import PassageEncoder
from ingest.settings import Writing
from mappings import IndexRecord, read_record, settings_of, shards_of
from mappings.existing import (
    Roles,
    element_of,
    has_vector,
    lost_fields,
    nested_in,
    resolved,
    vectors,
    with_free_names,
)
from tandem.base.arguments import checked_arguments

if TYPE_CHECKING:
    from cluster import Cluster

_TEXT_ALONE = "{text}"
# Of a long text: the first passage alone, or all, in nested objects.
Passages = Literal["first", "nested"]
PASSAGES = ("first", "nested")


class EnrichOptions(TypedDict, total=False):
    """The fields of Wanted, as an enrichment takes them."""

    text_field: str | None
    title_field: str | None
    vector_field: str | None
    passages: Passages | None
    query: Mapping[str, Any] | None
    copy_to: str | None
    follow: bool
    writing: Writing
    rejects: str | Path | None
    dry_run: bool


@checked_arguments(IndexRefusedError, "enrich")
@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a user says of an enrichment; None leaves it to the index.

    copy_to: the name of the new index, None for in place; passages: None for those of the record,
    else the first.
    """

    text_field: str | None = None
    title_field: str | None = None
    vector_field: str | None = None
    passages: Passages | None = None
    query: Mapping[str, Any] | None = None
    copy_to: str | None = None
    follow: bool = False
    writing: Writing = field(default_factory=Writing)
    rejects: str | Path | None = None
    dry_run: bool = False

    def __post_init__(self) -> None:
        """Refuse unknown passages, and what cannot be had together."""
        if self.passages not in (None, *PASSAGES):
            raise IndexRefusedError(
                f"passages is {self.passages!r} and must be one of {', '.join(PASSAGES)}."
            )
        if self.copy_to and self.query:
            raise IndexRefusedError("a copy has all documents: leave out `query` or `copy_to`.")

    @property
    def roles(self) -> Roles:
        """The fields of texts and titles."""
        return Roles(self.text_field, self.title_field)


@dataclass(frozen=True)
class Prepared:
    """An index that can be enriched: its own name, shards, record, and how its fields were found.

    description: of GET /INDEX, as it is; new: the record is not there yet; nested: the nested
    objects that the vectors are in.
    """

    index: str
    shards: int
    record: IndexRecord
    notes: tuple[str, ...]
    description: Mapping[str, Any]
    new: bool
    nested: str | None

    @property
    def element(self) -> str:
        """The numbers that the field of vectors holds."""
        return element_of(self.record.fields.vector, self.description["mappings"])

    def write(self, cluster: Cluster) -> None:
        """Put the record and the fields that the index lacks; raises ClusterError."""
        if self.new:
            mapping = self.description["mappings"]
            put_record(cluster, self.index, mapping, self.record, self.nested)


def prepared(cluster: Cluster, name: str, encoder: PassageEncoder, wanted: Wanted) -> Prepared:
    """Look at an index, and change nothing.

    Raises IndexRefusedError where an update would destroy fields, where vectors cannot be searched
    there or are another model's, and MissingIndexError.
    """
    if (found := writable(cluster, name)) is None:
        raise MissingIndexError(f"no index is called {name!r}", "check the name")
    index, description, _ = found
    if not wanted.copy_to:
        check_unblocked(index, description)
    mapping, settings = description["mappings"], settings_of(description)
    hindered = hindrance(index, mapping, settings)
    if not wanted.copy_to:
        check_in_place(cluster, index, description, hindered)
    notes = (*_not_copied(index, mapping), *_of_stream(description))
    shards = shards_of(description) or 1
    types = resolved(mapping)
    if record := read_record(mapping, index):
        if not (hindered and record.adopted):
            _check_copied(index, wanted)
        check_record(index, description, encoder)
        nested = nested_in(record.fields.vector, types)
        _check_names(index, record, nested, wanted)
        return Prepared(index, shards, record, notes, description, new=False, nested=nested)
    fields, told = fields_of(cluster, index, mapping, wanted.roles)
    if nested_in(fields.text, types):
        raise IndexRefusedError(
            f"the text {fields.text!r} of index {index!r} is in nested objects, of which one "
            "document has several: name another `text_field`."
        )
    vector, nested = _vector_of(wanted, fields.text)
    _check_vector(cluster, index, mapping, vector, encoder.dim, nested)
    template = None if wanted.roles.title else _TEXT_ALONE
    fields = with_free_names(replace(fields, vector=vector), types)
    made = record_of(encoder, fields, template)
    return Prepared(index, shards, made, (*notes, *told), description, new=True, nested=nested)


def _vector_of(wanted: Wanted, text: str) -> tuple[str, str | None]:
    """The field of vectors, and the nested objects that it is in."""
    if wanted.passages == "nested":
        path = wanted.vector_field or f"{text}_passages"
        return f"{path}.vector", path
    return wanted.vector_field or f"{text}_vector", None


def _not_copied(index: str, mapping: Mapping[str, Any]) -> tuple[str, ...]:
    """What a copy will lack."""
    if not (lost := lost_fields(mapping)):
        return ()
    return (
        f"the _source of index {index!r} leaves fields out ({', '.join(lost)}), so its "
        "copy lacks their values: put them in from where they came.",
    )


def _of_stream(description: Mapping[str, Any]) -> tuple[str, ...]:
    if (stream := description.get("data_stream")) is None:
        return ()
    return (
        f"the next index of the data stream {stream!r} begins without vectors, as its index "
        "template makes it: the same command for that index gives it some.",
    )


def _check_copied(index: str, wanted: Wanted) -> None:
    if wanted.copy_to:
        raise IndexRefusedError(
            f"index {index!r} has Tandem's record, so its vectors are there and searched: leave "
            "out `copy_to`."
        )


def _check_names(index: str, record: IndexRecord, nested: str | None, wanted: Wanted) -> None:
    fields, roles = record.fields, wanted.roles
    vector = nested if wanted.passages == "nested" and nested else fields.vector
    asked = (
        ("text", roles.text, fields.text),
        ("title", roles.title, fields.title),
        ("vector", wanted.vector_field, vector),
    )
    for role, name, own in asked:
        if name not in (None, own):
            raise IndexRefusedError(
                f"index {index!r} has Tandem's record, by which its {role} is in {own!r} and not "
                f"in {name!r}: leave out `{role}_field`."
            )
    if wanted.passages and (wanted.passages == "nested") != bool(nested):
        raise IndexRefusedError(
            f"index {index!r} was enriched with `passages={'nested' if nested else 'first'!r}`, "
            "which cannot be changed: leave that out."
        )


def _check_vector(
    cluster: Cluster,
    index: str,
    mapping: Mapping[str, Any],
    name: str,
    dim: int,
    nested: str | None,
) -> None:
    """Refuse a field that holds something else, or vectors of whom nobody knows."""
    types = resolved(mapping)
    if nested and types.get(nested, "nested") != "nested":
        raise IndexRefusedError(
            f"field {nested!r} of index {index!r} is of type {types[nested]} and holds no nested "
            "objects: name another `vector_field`."
        )
    if name not in types:
        return
    there = next((each for each in vectors(mapping) if each.name == name), None)
    if there and there.element == "binary":
        raise IndexRefusedError(
            f"field {name!r} of index {index!r} holds bits, and the model gives numbers: name "
            "another `vector_field`."
        )
    if there is None or there.dimension != dim:
        what = f"has {there.dimension} dimensions" if there else "is no field of vectors"
        raise IndexRefusedError(
            f"field {name!r} of index {index!r} {what} and the model gives {dim}: name another "
            "`vector_field`."
        )
    if held := count(cluster, index, has_vector(name, types)):
        raise IndexRefusedError(
            f"field {name!r} of index {index!r} holds {held:,} vectors, and nothing says whose: "
            f"`adopt_index(cluster, {index!r}, encoder)` finds out, or name another `vector_field`."
        )
