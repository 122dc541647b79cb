"""What must be in answers of ML Commons and of a pipeline that is tried: all that is read there."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, UnsetType

# As ML Commons makes them.
_Id = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]+\Z")]


class _Shards(Struct):
    total: int
    successful: int
    failures: list[dict[str, Any]] | None = None


class _Action(Struct):
    url: str


# Of a connector, a model or a group of models.
class _Source(Struct):
    name: str | None = None
    actions: list[_Action] | None = None
    model_group_id: _Id | None = None


class _Hit(Struct, rename=lambda name: f"_{name}"):
    id: _Id
    source: _Source


class _Hits(Struct):
    hits: list[_Hit]


class Found(Struct):
    """What a search of it found."""

    hits: _Hits
    shards: _Shards = msgspec.field(name="_shards")


class MadeConnector(Struct):
    """A connector that it made."""

    connector_id: _Id


class MadeModel(Struct):
    """A model that it made."""

    model_id: _Id


class Model(Struct):
    """A model as it is."""

    model_state: str


class _Output(Struct):
    data: list[float]


class _Result(Struct):
    output: list[_Output]


class Predicted(Struct):
    """The vectors that a model gave."""

    inference_results: list[_Result]


class Settings(Struct):
    """Those of a cluster, by their whole names."""

    persistent: dict[str, Any]
    transient: dict[str, Any]
    defaults: dict[str, Any] = {}


class _Stored(Struct):
    source: dict[str, Any] = msgspec.field(name="_source")


class _Refusal(Struct):
    reason: str | None = None


class Tried(Struct):
    """What a pipeline would make of a document, or why it takes none."""

    doc: _Stored | UnsetType = msgspec.UNSET
    error: _Refusal | None = None


class Rehearsed(Struct):
    """The same of several."""

    docs: list[Tried]
