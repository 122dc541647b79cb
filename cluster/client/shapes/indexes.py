"""Of what indexes are and hold: mappings, settings, aliases, statistics; and of pipelines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from cluster.client.shapes.searches import Count, Object

_Number = int | Annotated[str, Meta(pattern=r"^-?[0-9]+\Z")]  # settings are told as text


class _Named(Struct):
    name: str | None = None


class _Parameters(Struct):
    encoder: _Named | None = None
    m: _Number | None = None
    ef_construction: _Number | None = None


class _Method(Struct):
    name: str = "hnsw"
    engine: str | None = None
    space_type: str | None = None
    parameters: _Parameters | UnsetType = UNSET


class _Typed(Struct):
    type: str = ""
    m: _Number | None = None


# A field of a mapping; other kinds have other things of the same names.
class _Field(Struct):
    type: str = "object"
    path: str | None = None
    properties: dict[str, _Field] = {}
    fields: dict[str, _Typed] = {}
    dimension: _Number = 0
    dims: _Number = 0
    method: _Method | UnsetType = UNSET
    index_options: _Typed | str | None = None
    similarity: Object | str | None = None
    element_type: str = ""
    data_type: str = ""
    space_type: str | None = None
    compression_level: Annotated[str, Meta(pattern=r"^[1-9][0-9]*x\Z")] = "1x"


class _Source(Struct):
    includes: list[str] | None = None
    excludes: list[str] | None = None


class _Mapping(Struct):
    properties: dict[str, _Field] = {}
    routing: Object | None = msgspec.field(default=None, name="_routing")
    source: _Source | None = msgspec.field(default=None, name="_source")


class _IndexSettings(Struct):
    number_of_shards: _Number = 1
    number_of_replicas: _Number = 0
    max_result_window: _Number = 0
    creation_date: _Number = 0
    uuid: str = ""
    search: Object | None = None
    blocks: Object = {}
    mapping: Object = {}


class _Settings(Struct):
    index: _IndexSettings | UnsetType = UNSET


class _Described(Struct):
    mappings: _Mapping
    settings: _Settings
    aliases: dict[str, Object] = {}


class _DescribedInPart(Struct):
    mappings: _Mapping | UnsetType = UNSET
    settings: _Settings | UnsetType = UNSET
    aliases: dict[str, Object] = {}


class _OfMapping(Struct):
    mappings: _Mapping


class _OfSettings(Struct):
    settings: _Settings


class _OfAliases(Struct):
    aliases: dict[str, Object]


class _Store(Struct):
    size_in_bytes: int


class _Primaries(Struct):
    docs: Count | UnsetType = UNSET
    store: _Store | UnsetType = UNSET


class _Copy(Struct):
    routing: Object
    seq_no: dict[str, int] | None = None


class _IndexStats(Struct):
    primaries: _Primaries | UnsetType = UNSET
    shards: dict[str, list[_Copy]] = {}


class _Stats(Struct):
    indices: dict[str, _IndexStats] = {}


class _Part(Struct):
    technique: str | None = None
    parameters: dict[str, list[Any]] | None = None
    rank_constant: int = 0


class _Processor(Struct):
    normalization: _Part | None = None
    combination: _Part | None = None


class _Pipeline(Struct):
    phase_results_processors: list[dict[str, _Processor | None]] = []


# Of indexes that were named, of which there must be one; and where only a part was asked for.
NAMED = Annotated[dict[str, _Described], Meta(min_length=1)]
IN_PART = dict[str, _DescribedInPart]
# By what is got.
GOT: Mapping[str, Any] = {
    **dict.fromkeys(("", "_all"), dict[str, _Described]),
    "_mapping": dict[str, _OfMapping],
    "_settings": dict[str, _OfSettings],
    "_alias": dict[str, _OfAliases],
    "_aliases": dict[str, _OfAliases],
    "_stats": _Stats,
    "_search": dict[str, _Pipeline],
}
