"""Of searches, look-ups, counts and bulk requests, single and by the batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

Object = dict[str, Any]


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


# Of a search, but for its hits.
class _Rest(Struct, kw_only=True):
    took: int = 0
    timed_out: bool = False
    shards: _Shards | None = msgspec.field(default=None, name="_shards")
    aggregations: dict[str, _Aggregation] = {}
    pit_id: str | None = None


class _Search(_Rest):
    hits: _Hits


class _Numbers(Struct):
    hits: list[_Numbered]


class _Ranking(_Rest):
    hits: _Numbers


# Of a scrolled search: with what the next page is asked for by.
class _Page(_Search):
    scroll_id: str = msgspec.field(name="_scroll_id")


# A search of several, or a document of a look-up.
class _Failed(Struct):
    error: Object | str
    status: int = 500


class _Found(Struct):
    hits: Object


class _Responses(Struct):
    responses: list[Object]


class _Docs(Struct):
    docs: list[Object]


class _Doc(Struct, rename=lambda name: name if name == "found" else f"_{name}"):
    id: str
    found: bool
    source: Object | None = None
    seq_no: int = 0
    primary_term: int = 0
    routing: str | None = None


class Count(Struct):
    """So many documents."""

    count: int
    shards: _Shards | None = msgspec.field(default=None, name="_shards")


class _Item(Struct):
    status: int
    error: Object | str | None = None


# Each item: one action, with its status.
class _Bulk(Struct):
    items: list[Annotated[dict[str, _Item], Meta(min_length=1, max_length=1)]]


class _Point(Struct):
    pit_id: str


class _Pit(Struct):
    id: str


PAGE = _Page
# By what is posted to.
POSTED: Mapping[str, Any] = {
    "_bulk": _Bulk,
    "_search": _Found,
    "_msearch": _Responses,
    "_mget": _Docs,
    "_count": Count,
    "point_in_time": _Point,
    "_pit": _Pit,
}


def shapes_inside(answer: Any, shape: Any) -> list[tuple[Any, Sequence[Any]]]:
    """What is one of several things, each with its shapes: it must have one of them."""
    if shape in (_Responses, _Found):
        several = answer["responses"] if shape is _Responses else [answer]
        return [(e, [_Failed] if "error" in e else [_Ranking, _Search]) for e in several]
    if shape is _Docs:
        return [(e, [_Failed if "error" in e else _Doc]) for e in answer["docs"]]
    return []
