"""What a search is answered, as the service's schema describes it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from query.question import Mode


class _Told(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LegScore(_Told):
    """What one leg says of a hit; null where it did not find it."""

    rank: int | None
    score: float | None
    cosine: float | None
    normalised: float | None
    weight: float | None


class Piece(_Told):
    """A part of a fragment, and whether it matched."""

    text: str
    match: bool


class Explanation(_Told):
    """Where a hit's score comes from; highlights: field -> fragments, each in pieces."""

    explains: Literal["score", "before.score"]
    legs: dict[str, LegScore]
    computed: float
    formula: str
    highlights: dict[str, list[list[Piece]]]


class Before(_Told):
    """A hit's place and score before a cross-encoder saw it."""

    rank: int
    score: float


class SearchHit(_Told):
    """One hit; what a search does not tell is left out."""

    rank: int
    id: str
    score: float
    text: str
    source: dict[str, Any]
    title: str | None = Field(None, description="Where it has one.")
    index: str | None = Field(None, description="Where several are searched.")
    raw_score: float | None = Field(None, description="The engine's, of BM25 or kNN alone.")
    cosine: float | None = Field(
        None, description="Of kNN alone, where the vectors' scores tell it."
    )
    boost: float | None = Field(None, description="What the score was multiplied by.")
    document_id: str | None = None
    others: int | None = Field(
        None, description="Further passages of its document, where collapsed."
    )
    before: Before | None = Field(None, description="Where a cross-encoder ordered the hits.")
    explain: Explanation | None = Field(None, description="Where it was asked for.")


class FacetValue(_Told):
    """A value, and how many have it."""

    value: str
    count: int


class Facet(_Told):
    """A field's most frequent values; more: there are others; exact: the counts are."""

    values: list[FacetValue]
    more: bool
    exact: bool


class Total(_Told):
    """How many there are in all; exact: not about so many."""

    value: int
    exact: bool


class FusionTold(BaseModel):
    """How and where a hybrid search was fused."""

    model_config = ConfigDict(extra="allow")

    place: Literal["server", "client"]
    reason: str
    depth: int


class SearchAnswer(_Told):
    """The object that `tandem search --json` prints."""

    took_ms: int
    mode: Mode
    hits: list[SearchHit]
    partial: str | None
    notes: list[str]
    document_id_field: str | None = Field(
        None, description="Of what tells of which document a hit is, where collapsed."
    )
    total: Total | None = Field(None, description="Where it was asked for.")
    facets: dict[str, Facet] | None = Field(None, description="Where any was asked for.")
    fusion: FusionTold | None = Field(None, description="Of a hybrid search.")
