"""What flows through a search, in the order of the path: the question, the hits, the result."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from mappings import Fusion
from query.errors import QueryError, TextError

Vector = NDArray[np.float32]

BM25, KNN, HYBRID = "bm25", "knn", "hybrid"
MODES = (HYBRID, KNN, BM25)
# k-NN's KNNQueryBuilder.java (K_MAX) and Elasticsearch's num_candidates stop at the same number.
MOST = 10_000
DEPTH = 100
PLACES = ("auto", "server", "client")


class QueryEncoder(Protocol):
    """The part of encoder.Encoder that a search uses."""

    @property
    def name(self) -> str:
        """The model's canonical name."""

    @property
    def fingerprint(self) -> str:
        """Hexadecimal digest of everything that decides a vector."""

    @property
    def dim(self) -> int:
        """Length of one vector."""

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors, float32 [n, dim], one row for each text; safe to call from threads."""


class PassageScorer(Protocol):
    """The part of encoder.CrossEncoder that a search uses."""

    @property
    def name(self) -> str:
        """The model's name."""

    def score(self, query: str, passages: Sequence[str]) -> NDArray[np.float32]:
        """One score for each passage, float32 [n]; higher is better."""


@dataclass(frozen=True)
class Bm25:
    """How words are matched.

    fields: names with an optional boost ("title^2"), or empty for the index's own text and title;
    operator: "or" or "and"; minimum_should_match: as the cluster takes it, such as "2" or "75%";
    phrase_boost: what a passage gains that has all words in a row; fuzziness: "AUTO", "0", "1",
    "2".
    """

    fields: tuple[str, ...] = ()
    operator: str = "or"
    minimum_should_match: str | None = None
    phrase_boost: float = 0.0
    fuzziness: str | None = None

    def __post_init__(self) -> None:
        """Refuse an unknown operator and a phrase boost that is below 0 or not finite."""
        if self.operator not in ("or", "and"):
            raise QueryError(f"unknown operator {self.operator!r}: use or, and.")
        if not 0 <= self.phrase_boost < math.inf:
            raise QueryError(
                f"the phrase boost is {self.phrase_boost:g} and must be a number of at least 0."
            )


@dataclass(frozen=True)
class Knn:
    """How neighbours are looked for.

    field: of the vectors, where the index has several; ef_search: candidates that HNSW keeps while
    it searches one shard; oversample: how many times k candidates of a compressed field are scored
    again with whole vectors; min_cosine: neighbours below it are left out.
    """

    field: str | None = None
    ef_search: int | None = None
    oversample: float | None = None
    min_cosine: float | None = None

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        if self.ef_search is not None and not 1 <= self.ef_search <= MOST:
            raise QueryError(f"ef_search is {self.ef_search} and must be from 1 to {MOST:,}.")
        if self.oversample is not None and not 1 <= self.oversample <= 100:
            raise QueryError(f"oversample is {self.oversample:g} and must be from 1 to 100.")
        if self.min_cosine is not None and not -1 <= self.min_cosine <= 1:
            raise QueryError(f"the minimum cosine is {self.min_cosine:g} and must be from -1 to 1.")


@dataclass(frozen=True)
class Tuning:
    """How a search finds what it asks for.

    depth: candidates of each leg and shard, the same on every page; fusion: of hybrid; place: where
    to fuse, "auto", "server" or "client"; pipeline: a search pipeline of the cluster that fuses.
    """

    bm25: Bm25 = field(default_factory=Bm25)
    knn: Knn = field(default_factory=Knn)
    fusion: Fusion = field(default_factory=Fusion)
    depth: int = DEPTH
    place: str = "auto"
    pipeline: str | None = None

    def __post_init__(self) -> None:
        """Refuse a depth out of range, an unknown place, and a pipeline that would not be used."""
        if not 1 <= self.depth <= MOST:
            raise QueryError(f"the depth is {self.depth} and must be from 1 to {MOST:,}.")
        if self.place not in PLACES:
            raise QueryError(f"unknown place {self.place!r} of fusion: use {', '.join(PLACES)}.")
        if self.pipeline and self.place == "client":
            raise QueryError(
                f"pipeline {self.pipeline!r} fuses on the server: leave it out, or do not ask for "
                "fusion on the client."
            )


@dataclass(frozen=True)
class Question:
    """One search: what is asked, of which passages, and how much of the answer.

    k: hits wanted, start: how many come before them; filter: query DSL; where: conditions such as
    "year>=2019"; source: whether hits carry the stored document.
    """

    text: str
    mode: str = HYBRID
    k: int = 10
    start: int = 0
    filter: Mapping[str, Any] | None = None
    where: tuple[str, ...] = ()
    explain: bool = False
    collapse: bool = False
    source: bool = True
    tuning: Tuning = field(default_factory=Tuning)

    def __post_init__(self) -> None:
        """Refuse an empty text, an unknown mode, and numbers out of range."""
        if not self.text.strip():
            raise TextError("the query is empty: say what to look for.")
        if self.mode not in MODES:
            raise QueryError(f"unknown mode {self.mode!r}: use {', '.join(MODES)}.")
        if not 1 <= self.k <= MOST:
            raise QueryError(f"k is {self.k:,} and must be from 1 to {MOST:,}.")
        if isinstance(self.where, str):
            raise QueryError(f"where is {self.where!r}: give a list of conditions.")
        if not 0 <= self.start < math.inf:
            raise QueryError(f"the first hit is number {self.start} and must be at least 0.")

    @property
    def end(self) -> int:
        """How many hits there are up to the last one that is asked for."""
        return self.start + self.k

    @property
    def depth(self) -> int:
        """Candidates of each leg; it follows from k alone, so that it is the same on every page."""
        return max(self.tuning.depth, self.k)


class Query(NamedTuple):
    """One of many queries."""

    id: str
    text: str


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
class Hit:
    """One passage found.

    rank: from 1 over all pages; score: what the hits are ordered by; raw_score: the engine's, of
    BM25 or kNN; cosine: where a vector was compared and is known; source: the stored document
    without vector and content hash; others: further passages of the same document that were found,
    where hits are collapsed to documents.
    """

    rank: int
    id: str
    score: float
    text: str
    source: Mapping[str, Any]
    title: str | None = None
    raw_score: float | None = None
    cosine: float | None = None
    document_id: str | None = None
    others: int | None = None
    explanation: Explanation | None = None
    before: Reranked | None = None


@dataclass(frozen=True)
class Result:
    """The hits of one search, best first, and how they came about; iterating gives the hits.

    took_ms: what the cluster says it took; fusion: how and where a hybrid search was fused;
    partial: why hits may be missing, or None where the answer is complete; notes: what else a
    reader should know.
    """

    mode: str
    hits: tuple[Hit, ...]
    took_ms: int
    fusion: Mapping[str, Any] | None = None
    partial: str | None = None
    notes: tuple[str, ...] = ()

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
