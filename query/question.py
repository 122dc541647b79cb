"""What is asked of a search, and who helps to answer it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from mappings import Fusion, fault_of_pipeline_name
from query.errors import QueryError, TextError


def is_text(text: str) -> bool:
    """Whether text can be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def visible(text: str) -> str:
    r"""The same text, with what cannot be written shown as \ud800."""
    return text.encode("utf-8", "backslashreplace").decode()


Vector = NDArray[np.float32]

BM25, KNN, HYBRID = "bm25", "knn", "hybrid"
MODES = (HYBRID, KNN, BM25)
# k-NN's KNNQueryBuilder.java (K_MAX) and Elasticsearch's num_candidates stop at the same number.
MOST = 10_000
DEPTH = 100
PLACES = ("auto", "server", "client")
# What the clusters take: a number or a share, or such for queries of more than so many words.
_MINIMUM = re.compile(r"\s*(-?\d+%?|\d+<-?\d+%?(\s+\d+<-?\d+%?)*)\s*")


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


def _check_whole(what: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise QueryError(f"{what} {value!r} and must be a whole number.")


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
        minimum = self.minimum_should_match
        if minimum is not None and not _MINIMUM.fullmatch(str(minimum)):
            raise QueryError(
                f"{str(minimum)!r} is not how many words must match: write 2, 75%, -1 or 3<75%."
            )
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

    depth: candidates of each leg and shard, the same on every page, None for 100 or k, whichever is
    more; fusion: of hybrid; place: where to fuse, "auto", "server" or "client"; pipeline: a search
    pipeline of the cluster that fuses.
    """

    bm25: Bm25 = field(default_factory=Bm25)
    knn: Knn = field(default_factory=Knn)
    fusion: Fusion = field(default_factory=Fusion)
    depth: int | None = None
    place: str = "auto"
    pipeline: str | None = None

    def __post_init__(self) -> None:
        """Refuse a depth out of range, an unknown place, and a pipeline that would not be used."""
        if self.depth is not None:
            _check_whole("the depth is", self.depth)
            if not 1 <= self.depth <= MOST:
                raise QueryError(f"the depth is {self.depth} and must be from 1 to {MOST:,}.")
        if self.place not in PLACES:
            raise QueryError(f"unknown place {self.place!r} of fusion: use {', '.join(PLACES)}.")
        if self.pipeline is not None and (fault := fault_of_pipeline_name(self.pipeline)):
            raise QueryError(
                f"{self.pipeline!r} cannot be the name of a search pipeline: {fault}, or leave out "
                "`pipeline`."
            )
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
        self._check_text()
        if self.mode not in MODES:
            raise QueryError(f"unknown mode {self.mode!r}: use {', '.join(MODES)}.")
        _check_whole("k is", self.k)
        if not 1 <= self.k <= MOST:
            raise QueryError(f"k is {self.k:,} and must be from 1 to {MOST:,}.")
        if isinstance(self.where, str) or not isinstance(self.where, Sequence):
            raise QueryError(f"where is {self.where!r}: give a list of conditions.")
        _check_whole("the first hit is number", self.start)
        if self.start < 0:
            raise QueryError(f"the first hit is number {self.start} and must be at least 0.")

    def _check_text(self) -> None:
        if not isinstance(self.text, str):
            raise TextError(f"the query is {self.text!r}: give a text.")
        if not self.text.strip():
            raise TextError("the query is empty: say what to look for.")
        if not is_text(self.text):
            raise TextError(
                f"the query {self.text[:60]!r} is no text, for it has half a character: "
                "write it in UTF-8."
            )

    @property
    def end(self) -> int:
        """How many hits there are up to the last one that is asked for."""
        return self.start + self.k

    @property
    def depth(self) -> int:
        """Candidates of each leg: those asked for, else by k alone, the same on every page.

        In hybrid they decide the ranking, so that a depth that was asked for is never changed.
        """
        wanted = self.tuning.depth
        if wanted is not None and self.mode == HYBRID:
            return wanted
        return max(wanted or DEPTH, self.k)


class Query(NamedTuple):
    """One of many queries."""

    id: str
    text: str
