"""What comes of a search: the hits, where their scores come from, the result, the answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from query.question import Query


@dataclass(frozen=True, slots=True)
class LegScore:
    """What one leg says of a hit: its rank from 1 and engine score there, None where it is missing.

    normalised: what the fusion made of the score or rank, 0 where it is missing; weight: its
    factor; cosine: of the vectors, in a leg of kNN.
    """

    leg: str
    rank: int | None
    score: float | None
    normalised: float | None = None
    weight: float | None = None
    cosine: float | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where a hit's score comes from: its legs, and the formula with the numbers put in.

    computed: the score that follows from the legs; highlights: field -> fragments, each a list of
    (text, whether it matched).
    """

    legs: tuple[LegScore, ...]
    computed: float
    formula: str
    highlights: Mapping[str, list[list[tuple[str, bool]]]]


@dataclass(frozen=True, slots=True)
class Reranked:
    """A hit's place and score before a cross-encoder saw it."""

    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class FacetValue:
    """A value of a field, and how many of what a search finds have it."""

    value: str
    count: int


@dataclass(frozen=True, slots=True)
class Facet:
    """The values of a field that are met most often, the most frequent first.

    Counted are passages, or documents where hits are collapsed to these. more: whether there are
    further values; exact: whether the counts are, and not near.
    """

    field: str
    values: tuple[FacetValue, ...]
    more: bool
    exact: bool


@dataclass(frozen=True, slots=True)
class Total:
    """How many passages, or documents where hits are collapsed, a search finds in all."""

    value: int
    exact: bool


@dataclass(frozen=True, slots=True)
class Hit:
    """One passage found.

    rank: from 1 over all pages; score: what the hits are ordered by, and where they are sorted by
    fields, the engine's; raw_score: the engine's, of BM25 or kNN; cosine: where a vector was
    compared and is known; boost: what the score was multiplied by; source: the stored document
    without vector and content hash; others: further passages of the same document that were found,
    where hits are collapsed to documents and were counted; index: where several are searched, the
    one it is in.
    """

    rank: int
    id: str
    score: float
    text: str
    source: Mapping[str, Any]
    title: str | None = None
    raw_score: float | None = None
    cosine: float | None = None
    boost: float | None = None
    document_id: str | None = None
    others: int | None = None
    index: str | None = None
    explanation: Explanation | None = None
    before: Reranked | None = None


@dataclass(frozen=True)
class Result:
    """The hits of one search, best first, and how they came about; iterating gives the hits.

    took_ms: what the cluster says it took; fusion: how and where a hybrid search was fused;
    partial: why hits may be missing, or None where the answer is complete; notes: what else a
    reader should know; collapsed: whether each hit is the best passage of a document, and
    document_id_field: where they are, the field that tells of which; total and facets: what was
    counted, where that was asked for.
    """

    mode: str
    hits: tuple[Hit, ...]
    took_ms: int
    fusion: Mapping[str, Any] | None = None
    partial: str | None = None
    notes: tuple[str, ...] = ()
    collapsed: bool = False
    total: Total | None = None
    facets: tuple[Facet, ...] = ()
    document_id_field: str | None = None

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    def __len__(self) -> int:
        return len(self.hits)

    def __getitem__(self, position: int) -> Hit:
        return self.hits[position]


@dataclass(frozen=True)
class Answer:
    """The result of one of many queries, or the sentence that says why there is none."""

    query: Query
    result: Result | None
    error: str | None = None

    @property
    def fault(self) -> str | None:
        """Why there is no result, or why hits of it may be missing; None where it is complete."""
        return self.error if self.result is None else self.result.partial
