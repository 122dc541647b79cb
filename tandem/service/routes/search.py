"""GET and POST /search: `tandem search` over HTTP, with the JSON of `search --json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from mappings import Fusion
from mappings.pipelines.pipeline import Technique
from query import Bm25, Knn, QueryError, Rerank, Tuning, result_json
from query.body.filters.dsl import parse_dsl
from query.question import MOST
from tandem.service.parts import Parts

Mode = Literal["hybrid", "knn", "bm25"]


class SearchRequest(BaseModel):
    """One search, as the options of `tandem search` say it; what is left out is as there."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    query: str = Field(description="What to look for.")
    index: str | None = Field(None, description="Index or alias; the service's own by default.")
    mode: Mode = "hybrid"
    k: int = Field(10, ge=1, le=MOST)
    start: int = Field(0, ge=0, alias="from", description="Skip so many hits.")
    filter: dict[str, Any] | None = Field(None, description="Query DSL that passages must meet.")
    where: list[str] = Field(default=[], description="Conditions, such as year>=2019.")
    collapse: bool = Field(False, description="One hit a document: its best passage.")
    explain: bool = Field(False, description="Where each score comes from.")
    facets: list[str] = Field(
        default=[],
        description="Fields whose values are counted, over all passages that match the words and "
        "filters and kNN's candidates; documents, each once, where collapsed. `*` for any.",
    )
    total: bool = Field(False, description="How many there are in all, counted as for facets.")
    sort: list[str] = Field(default=[], description="Order by fields, such as year:desc.")
    boost: list[str] = Field(
        default=[], description="What raises scores, such as published:30d, likes or likes:100^0.5."
    )
    source: bool | list[str] = Field(
        True, description="Fields of the stored document, such as title, meta.* or -body."
    )
    rerank: bool = Field(False, description="Order the first hits by the cross-encoder.")
    rerank_depth: int = Field(50, ge=1, le=MOST)
    depth: int | None = Field(None, ge=1, le=MOST)
    ef_search: int | None = Field(None, ge=1, le=MOST)
    min_cosine: float | None = Field(None, ge=-1, le=1)
    fields: list[str] = Field(default=[], description="Fields of BM25, such as title^2.")
    operator: Literal["or", "and"] = "or"
    fuzziness: str | None = None
    technique: Technique | None = Field(None, description="Of the fusion.")
    weights: tuple[float, float] | None = Field(None, description="Of BM25 and kNN.")

    def options(self, parts: Parts) -> dict[str, Any]:
        """The arguments of Searcher.search; raises QueryError as it does."""
        technique = self.technique or Fusion().technique
        given = self.technique or self.weights
        fusion = Fusion(technique=technique, weights=self.weights) if given else None
        tuning = Tuning(
            bm25=Bm25(fields=self.fields, operator=self.operator, fuzziness=self.fuzziness),
            knn=Knn(ef_search=self.ef_search, min_cosine=self.min_cosine),
            fusion=fusion,
            depth=self.depth,
        )
        rerank = None
        if self.rerank:
            if parts.reranker is None:
                raise QueryError("this service has no cross-encoder: start it with --rerank MODEL.")
            rerank = Rerank(parts.reranker, depth=self.rerank_depth)
        return {
            **{name: getattr(self, name) for name in _KEPT},
            "tuning": tuning,
            "rerank": rerank,
        }


# What a search takes by the same name.
_KEPT = (
    *("mode", "k", "start", "filter", "where", "collapse", "explain"),
    *("facets", "total", "sort", "boost", "source"),
)


class InAddress(BaseModel):
    """One search as an address says it: `/search?q=bees&where=year>=2000`."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    q: str
    index: str | None = None
    mode: Mode = "hybrid"
    k: int = Field(10, ge=1, le=MOST)
    start: int = Field(0, ge=0, alias="from")
    filter: str | None = Field(None, description="Query DSL as JSON.")
    where: list[str] = []
    collapse: bool = False
    explain: bool = False
    facets: list[str] = []
    total: bool = False
    sort: list[str] = []
    boost: list[str] = []
    source: list[str] = Field(default=[], description="All fields where none is named.")
    rerank: bool = False

    def whole(self) -> SearchRequest:
        """As a body says it; raises FilterError for a filter that is no JSON."""
        given = self.model_dump()
        dsl = parse_dsl(self.filter) if self.filter else None
        found = {**given, "filter": dsl, "source": self.source or True}
        return SearchRequest.model_validate({"query": found.pop("q"), **found})


class SearchHit(BaseModel):
    """One hit; what a search does not tell is left out."""

    model_config = ConfigDict(extra="allow")

    rank: int
    id: str
    score: float
    text: str
    source: dict[str, Any]


class FacetValue(BaseModel):
    """A value, and how many have it."""

    value: str
    count: int


class Facet(BaseModel):
    """A field's most frequent values; more: there are others; exact: the counts are."""

    values: list[FacetValue]
    more: bool
    exact: bool


class Total(BaseModel):
    """How many there are in all; exact: not about so many."""

    value: int
    exact: bool


class SearchAnswer(BaseModel):
    """The object that `tandem search --json` prints."""

    model_config = ConfigDict(extra="allow")

    took_ms: int
    mode: Mode
    hits: list[SearchHit]
    partial: str | None
    notes: list[str]
    total: Total | None = Field(None, description="Where it was asked for.")
    facets: dict[str, Facet] | None = Field(None, description="Where any was asked for.")


def router(parts: Parts) -> APIRouter:
    """The two routes."""
    routes = APIRouter(tags=["search"])

    async def answer(asked: SearchRequest) -> Mapping[str, Any]:
        index = asked.index or parts.index
        if index is None:
            raise QueryError("say which index to search: `index` in the request.")
        searcher, options = parts.searcher(index), asked.options(parts)
        return await parts.run(lambda: result_json(searcher.search(asked.query, **options)))

    @routes.post("/search", response_model=None, responses={200: {"model": SearchAnswer}})
    async def post(asked: SearchRequest) -> Mapping[str, Any]:
        """Search an index by kNN, by BM25, or by both."""
        return await answer(asked)

    @routes.get("/search", response_model=None, responses={200: {"model": SearchAnswer}})
    async def get(asked: Annotated[InAddress, Query()]) -> Mapping[str, Any]:
        """The same, for what fits into an address."""
        return await answer(asked.whole())

    return routes
