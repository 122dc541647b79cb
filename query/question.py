"""What is asked of a search."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal, NamedTuple, TypedDict

from mappings import Fusion, fault_of_pipeline_name
from query.errors import QueryError, TextError
from tandem.base.arguments import checked_arguments, settle, shown


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


Mode = Literal["hybrid", "knn", "bm25"]
WhereToFuse = Literal["auto", "server", "client"]
BM25: Literal["bm25"] = "bm25"
KNN: Literal["knn"] = "knn"
HYBRID: Literal["hybrid"] = "hybrid"
MODES: tuple[Mode, ...] = (HYBRID, KNN, BM25)
# k-NN's KNNQueryBuilder.java (K_MAX) and Elasticsearch's num_candidates stop at the same number.
MOST = 10_000
DEPTH = 100
PLACES: tuple[WhereToFuse, ...] = ("auto", "server", "client")
# What the clusters take: a number or a share, or such for queries of more than so many words.
_MINIMUM = re.compile(r"\s*(-?\d+%?|\d+<-?\d+%?(\s+\d+<-?\d+%?)*)\s*")
# Which both servers take.
_FUZZINESS = re.compile("AUTO(:[0-9]{1,3},[0-9]{1,3})?|[012]")
_USUAL = Fusion()


@checked_arguments(QueryError)
@dataclass(frozen=True, kw_only=True)
class Bm25:
    """How words are matched.

    fields: names with an optional boost ("title^2"), or empty for the index's own text and title;
    operator: "or" or "and"; minimum_should_match: as the cluster takes it, such as "2" or "75%";
    phrase_boost: what a passage gains that has all words in a row; fuzziness: "AUTO", "AUTO:3,6",
    "0", "1", "2".
    """

    fields: Sequence[str] = ()
    operator: Literal["or", "and"] = "or"
    minimum_should_match: str | int | None = None
    phrase_boost: float = 0.0
    fuzziness: str | None = None

    def __post_init__(self) -> None:
        """Refuse an unknown operator or fuzziness, and a phrase boost below 0 or not finite."""
        if self.operator not in ("or", "and"):
            raise QueryError(f"unknown operator {self.operator!r}: use or, and.")
        minimum = self.minimum_should_match
        if minimum is not None and not _MINIMUM.fullmatch(str(minimum)):
            raise QueryError(
                f"{str(minimum)!r} is not how many words must match: write 2, 75%, -1 or 3<75%."
            )
        if self.fuzziness is not None and not _FUZZINESS.fullmatch(str(self.fuzziness)):
            raise QueryError(
                f"{str(self.fuzziness)!r} is not how many letters may differ: "
                "write AUTO, 0, 1 or 2."
            )
        if not 0 <= self.phrase_boost < math.inf:
            raise QueryError(
                f"the phrase boost is {self.phrase_boost:g} and must be a number of at least 0."
            )


@checked_arguments(QueryError)
@dataclass(frozen=True, kw_only=True)
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


@checked_arguments(QueryError)
@dataclass(frozen=True, kw_only=True)
class Tuning:
    """How a search finds what it asks for.

    depth: candidates of each leg and shard, the same on every page, None for 100 or k, whichever is
    more; fusion: of hybrid, None for the usual; place: where to fuse, "auto", "server" or "client";
    pipeline: a search pipeline of the cluster that fuses. What is left out of fusion, depth and
    BM25's fields, a hybrid search takes from the index's own settings where it has been tuned.
    """

    bm25: Bm25 = Bm25()
    knn: Knn = Knn()
    fusion: Fusion | None = None
    depth: int | None = None
    place: WhereToFuse = "auto"
    pipeline: str | None = None

    def __post_init__(self) -> None:
        """Refuse a depth out of range, an unknown place, and a pipeline that would not be used."""
        if self.depth is not None and not 1 <= self.depth <= MOST:
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

    @property
    def effective_fusion(self) -> Fusion:
        """The fusion that was asked for, else the usual one."""
        return self.fusion or _USUAL


@checked_arguments(QueryError, "a search", own=("text",))
@dataclass(frozen=True)
class Question:
    """One search: what is asked, of which passages, and how much of the answer.

    k: hits wanted, start: how many come before them; filter: query DSL; where: conditions such as
    "year>=2019"; source: whether hits carry the stored document, or which of its fields, as
    "title", "meta.*" or, to leave out, "-body"; facets: fields whose values are counted, and total:
    whether all is, over what matches the words and filters and the candidates of kNN; sort: fields
    to order by, as "year:desc", in place of relevance; boost: what raises a score, as
    "published:30d" or "likes".
    """

    text: str
    _: KW_ONLY
    mode: Mode = HYBRID
    k: int = 10
    start: int = 0
    filter: Mapping[str, Any] | None = None
    where: Sequence[str] | None = ()
    explain: bool = False
    collapse: bool = False
    source: bool | Sequence[str] = True
    facets: Sequence[str] = ()
    total: bool = False
    sort: Sequence[str] = ()
    boost: Sequence[str] = ()
    tuning: Tuning = Tuning()

    def __post_init__(self) -> None:
        """Refuse an empty text, an unknown mode, and numbers out of range."""
        self._check_text()
        if self.mode not in MODES:
            raise QueryError(f"unknown mode {self.mode!r}: use {', '.join(MODES)}.")
        settle(self, where=self.where or ())
        if not 1 <= self.k <= MOST:
            raise QueryError(f"k is {self.k:,} and must be from 1 to {MOST:,}.")
        if self.start < 0:
            raise QueryError(f"start is {self.start} and must be at least 0.")

    def asking(self, text: str) -> Question:
        """The same with another text; raises TextError. What else it says was checked before."""
        other = copy(self)
        settle(other, text=text)
        other._check_text()
        return other

    def _check_text(self) -> None:
        if not isinstance(self.text, str):
            cure = "give a text, and several to search_many"
            raise TextError(f"the query is {shown(self.text)}: {cure}.")
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
    def fuses(self) -> bool:
        """Whether the scores of legs are fused; sorted hits need none."""
        return self.mode == HYBRID and not self.sort

    @property
    def of_candidates(self) -> bool:
        """Whether hits are of the first `depth` alone, and not of all that matches."""
        return self.mode == KNN or self.fuses or bool(self.boost)

    @property
    def depth(self) -> int:
        """Candidates of each leg: those asked for, else by k alone, the same on every page.

        In hybrid they decide the ranking, so that a depth that was asked for is never changed.
        """
        wanted = self.tuning.depth
        if wanted is not None and self.mode == HYBRID:
            return wanted
        return max(wanted or DEPTH, self.k)


class SearchOptions(TypedDict, total=False):
    """The fields of a Question beside its text, as a search takes them."""

    mode: Mode
    k: int
    start: int
    filter: Mapping[str, Any] | None
    where: Sequence[str] | None
    explain: bool
    collapse: bool
    source: bool | Sequence[str]
    facets: Sequence[str]
    total: bool
    sort: Sequence[str]
    boost: Sequence[str]
    tuning: Tuning


class Query(NamedTuple):
    """One of many queries."""

    id: str
    text: str
