"""What an index knows about itself: the record that Tandem keeps in the mapping's `_meta`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from mappings.errors import MappingError
from tandem.base.process.running import Precision
from tandem.base.schema import as_type

# The key of the record in a mapping's `_meta`.
RECORD = "tandem"
# And of what an ingestion notes there, beside the record.
LOADING = "loading"
# Raised when the record's layout changes in a way that older versions cannot read.
FORMAT = 1


@dataclass(frozen=True)
class EncoderRecord:
    """Who encoded an index.

    model: the name or folder given to Encoder.load; fingerprint: hexadecimal digest of weights,
    tokenizer, pooling, prompts and maximum length; dimension: length of one vector; settings: the
    options of Encoder.load that change vectors, so that a search loads the same encoder.
    """

    model: str
    fingerprint: str
    dimension: int
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Fields:
    """Names of the fields that Tandem writes; everything else in a document is metadata."""

    vector: str = "vector"
    text: str = "text"
    title: str = "title"
    content_hash: str = "content_hash"
    document_id: str = "document_id"
    position: str = "position"

    def names(self) -> tuple[str, ...]:
        """All six names, in the order of the attributes."""
        return tuple(asdict(self).values())


@dataclass(frozen=True)
class Generation:
    """The mark of an index that was filled for an alias: the alias, and the index's own name.

    A clone carries the mark of the index that it was made from, and so another name.
    """

    alias: str
    index: str


@dataclass(frozen=True)
class IndexRecord:
    """The whole record: the encoder, the field names, and for which alias it was filled, if any.

    template: what of a document is encoded, None for its title and its text; adopted: others made
    the index, and what Tandem did not write in it is theirs.
    """

    encoder: EncoderRecord
    fields: Fields = field(default_factory=Fields)
    generation: Generation | None = None
    template: str | None = None
    adopted: bool = False

    def to_meta(self) -> dict[str, Any]:
        """The mapping's `_meta` value that `read_record` reads back unchanged."""
        known = {name: value for name, value in asdict(self).items() if value}
        return {RECORD: {"format": FORMAT, **known}}


# What anybody who may write the mapping can put there, as Tandem itself writes it.
_Name = Annotated[str, Meta(min_length=1, max_length=1000)]


class _Settings(Struct, forbid_unknown_fields=True, omit_defaults=True):
    truncate_dim: Annotated[int, Meta(ge=1, le=65_536)] | None = None
    query_prompt: str | None = None
    passage_prompt: str | None = None
    precision: Precision | None = None


class _Encoder(Struct):
    model: _Name
    fingerprint: _Name
    dimension: Annotated[int, Meta(ge=1, le=65_536)]
    settings: _Settings = msgspec.field(default_factory=_Settings)


class _Mark(Struct, forbid_unknown_fields=True):
    alias: _Name
    index: _Name


class _Meta(Struct):
    encoder: _Encoder
    fields: dict[str, _Name]
    generation: _Mark | None = None
    template: str | None = None
    adopted: bool = False


def own_meta(mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    """A mapping's `_meta` where it has Tandem's record; else it is its owner's, and {} is given."""
    meta = mapping.get("_meta")
    return meta if isinstance(meta, Mapping) and RECORD in meta else {}


def read_record(mapping: Mapping[str, Any], index: str) -> IndexRecord | None:
    """Read the record from one index's mapping, the value under `mappings` in GET /INDEX/_mapping.

    Returns None where the index has no Tandem record. Raises MappingError where the record is of a
    newer format, lacks a part, or says what Tandem never writes.
    """
    if not (meta := own_meta(mapping).get(RECORD)):
        return None
    if not isinstance(meta, Mapping):
        raise _damaged(index, f"it is {str(meta)[:40]!r}")
    if meta.get("format") != FORMAT:
        raise MappingError(
            f"index {index!r} has a Tandem record of format {meta.get('format')!r} and this "
            f"version reads format {FORMAT}: upgrade tandem-search, or ingest into a new index."
        )
    try:
        found = as_type(meta, _Meta)
        encoder = msgspec.structs.asdict(found.encoder)
        encoder["settings"] = msgspec.to_builtins(found.encoder.settings)
        mark = found.generation
        generation = Generation(mark.alias, mark.index) if mark else None
        names = Fields(**found.fields)
        made = EncoderRecord(**encoder)
        return IndexRecord(made, names, generation, found.template, found.adopted)
    except msgspec.ValidationError as error:
        raise _damaged(index, str(error).replace("`", "").replace("$.", "")) from None
    except TypeError as error:
        raise _damaged(index, error) from None


def load_note(mapping: Mapping[str, Any]) -> Any:
    """What an ingestion notes in the index's mapping while it loads, or was killed while it did.

    As it stands there, written by whoever may write the mapping; None where nobody loads, and in an
    index without a record.
    """
    return own_meta(mapping).get(LOADING)


def with_load_note(mapping: Mapping[str, Any], note: Mapping[str, Any] | None) -> dict[str, Any]:
    """The mapping's `_meta` with another note of a load, or with none."""
    meta = {k: v for k, v in mapping.get("_meta", {}).items() if k != LOADING}
    return meta if note is None else {**meta, LOADING: dict(note)}


def _damaged(index: str, why: object) -> MappingError:
    return MappingError(
        f"index {index!r} has a damaged Tandem record in its mapping's _meta ({why}): ingest into "
        "a new index, or put the record back."
    )


def settings_of(description: Mapping[str, Any]) -> Mapping[str, Any]:
    """An index's settings, of its part of GET /INDEX; of a service without servers some are none.

    Nothing where only its mapping may be read.
    """
    found: Mapping[str, Any] = (description.get("settings") or {}).get("index") or {}
    return found


def uuid_in(description: Mapping[str, Any]) -> str:
    """What tells an index from a later one of its name; "" where it is not told."""
    return str(settings_of(description).get("uuid", ""))


def shards_of(description: Mapping[str, Any]) -> int | None:
    """How many primary shards an index has; None where it is not told."""
    found = settings_of(description).get("number_of_shards")
    return None if found is None else int(found)


def replicas_of(description: Mapping[str, Any]) -> int | None:
    """How many copies each of its shards has beside itself; None where it is not told."""
    found = settings_of(description).get("number_of_replicas")
    return None if found is None else int(found)
