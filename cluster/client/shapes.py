"""The shapes of a cluster's answers: all that is read of them, by what was asked for.

What no class names is not read, or by who checks it; what a filter_path leaves out is optional.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

Object = dict[str, Any]
_Number = int | Annotated[str, Meta(pattern=r"^-?[0-9]+\Z")]  # settings are told as text


class _Shards(Struct):
    total: int
    successful: int
    failures: list[Object] | None = None


class _Hit(Struct, rename=lambda name: f"_{name}"):
    id: str
    index: str
    score: float | None
    source: Object | None = None
    seq_no: int = 0
    primary_term: int = 0
    routing: str | None = None


# Of a search that asked for nothing stored, to which `_id` belongs.
class _Numbered(Struct, rename=lambda name: f"_{name}"):
    seq_no: int
    index: str
    score: float | None
    id: None = None


class _Total(Struct):
    value: int
    relation: str


class _Hits(Struct):
    hits: list[_Hit]
    total: _Total | UnsetType = UNSET


class _Value(Struct):
    value: float


class _Bucket(Struct):
    key: str | float
    doc_count: int
    key_as_string: str | None = None
    documents: _Value | UnsetType = UNSET


class _Aggregation(Struct):
    value: float = 0.0
    buckets: list[_Bucket] = []
    doc_count_error_upper_bound: int = 0
    sum_other_doc_count: int = 0


class _Search(Struct):
    hits: _Hits
    took: int = 0
    timed_out: bool = False
    shards: _Shards | None = msgspec.field(default=None, name="_shards")
    aggregations: dict[str, _Aggregation] = {}
    pit_id: str | None = None


_Numbers = msgspec.defstruct("_Numbers", [("hits", list[_Numbered])])
_Ranking = msgspec.defstruct("_Ranking", [("hits", _Numbers)], bases=(_Search,))


# Of a scrolled search: with what the next page is asked for by.
class _Page(_Search, kw_only=True):
    scroll_id: str = msgspec.field(name="_scroll_id")


# A search of several, or a document of a look-up.
_Failed = msgspec.defstruct("_Failed", [("error", Object | str), ("status", int, 500)])
_Found = msgspec.defstruct("_Found", [("hits", Object)])
_Responses = msgspec.defstruct("_Responses", [("responses", list[Object])])
_Docs = msgspec.defstruct("_Docs", [("docs", list[Object])])


class _Doc(Struct, rename=lambda name: name if name == "found" else f"_{name}"):
    id: str
    found: bool
    source: Object | None = None
    seq_no: int = 0
    primary_term: int = 0
    routing: str | None = None


class _Count(Struct):
    count: int
    shards: _Shards | None = msgspec.field(default=None, name="_shards")


class _Item(Struct):
    status: int
    error: Object | str | None = None


# Each item: one action, with its status.
class _Bulk(Struct):
    items: list[Annotated[dict[str, _Item], Meta(min_length=1, max_length=1)]]


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
    docs: _Count | UnsetType = UNSET
    store: _Store | UnsetType = UNSET


class _Copy(Struct):
    routing: Object
    seq_no: dict[str, int] | None = None


class _IndexStats(Struct):
    primaries: _Primaries | UnsetType = UNSET
    shards: dict[str, list[_Copy]] = {}


_Stats = msgspec.defstruct("_Stats", [("indices", dict[str, _IndexStats], {})])


class _Part(Struct):
    technique: str | None = None
    parameters: dict[str, list[Any]] | None = None
    rank_constant: int = 0


class _Processor(Struct):
    normalization: _Part | None = None
    combination: _Part | None = None


class _Pipeline(Struct):
    phase_results_processors: list[dict[str, _Processor | None]] = []


_POSTED: Mapping[str, Any] = {
    "_bulk": _Bulk,
    "_search": _Found,
    "_msearch": _Responses,
    "_mget": _Docs,
    "_count": _Count,
    "point_in_time": msgspec.defstruct("_Point", [("pit_id", str)]),
    "_pit": msgspec.defstruct("_Pit", [("id", str)]),
}
_GOT: Mapping[str, Any] = {
    **dict.fromkeys(("", "_all"), dict[str, _Described]),
    "_mapping": dict[str, _OfMapping],
    "_settings": dict[str, _OfSettings],
    "_alias": dict[str, _OfAliases],
    "_aliases": dict[str, _OfAliases],
    "_stats": _Stats,
    "_search": dict[str, _Pipeline],
}
_TEXTS = ("_cat", "hot_threads", "_sql", "_ppl")  # if not asked for JSON


def shape_of(method: str, path: str, params: Mapping[str, Any]) -> Any:
    """What an answer of 200 must be, for msgspec.convert."""
    parts = path.partition("?")[0].strip("/").split("/")
    kind = next((part for part in parts if part.startswith("_")), "")  # of what is asked for
    if set(parts) & set(_TEXTS):
        return Object | list[Any] if "json" in f"{path}{params.get('format')}" else Any
    if method == "POST" and kind == "_search" and ("scroll" in params or parts[-1] == "scroll"):
        return _Page
    if method == "POST":
        return _POSTED.get("point_in_time" if "point_in_time" in parts else kind, Object)
    if method != "GET" or parts == [""]:
        return Object
    if kind == "" and "filter_path" in params:
        return dict[str, _DescribedInPart]
    if kind == "" and "*" not in path:
        return Annotated[dict[str, _Described], Meta(min_length=1)]
    return _GOT.get(kind, Object)


def shapes_inside(answer: Any, shape: Any) -> list[tuple[Any, Sequence[Any]]]:
    """What is one of several things, each with its shapes: it must have one of them."""
    if shape in (_Responses, _Found):
        several = answer["responses"] if shape is _Responses else [answer]
        return [(e, [_Failed] if "error" in e else [_Ranking, _Search]) for e in several]
    if shape is _Docs:
        return [(e, [_Failed if "error" in e else _Doc]) for e in answer["docs"]]
    return []
