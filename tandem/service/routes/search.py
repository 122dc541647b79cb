"""GET and POST /search: `tandem search` over HTTP, with the JSON of `search --json`."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from query import QueryError, result_json
from query.question import Mode
from tandem.service.parts import Parts
from tandem.service.routes.search_request import InAddress, SearchRequest


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

    async def answer(asked: SearchRequest) -> Response:
        index = asked.index or parts.index
        if index is None:
            raise QueryError("say which index to search: `index` in the request.")
        searcher, options = parts.searcher(index, asked.roles()), asked.options(parts)
        found = await parts.run(lambda: result_json(searcher.search(asked.query, **options)))
        return JSONResponse(found)  # as it is: FastAPI would copy all of it first

    @routes.post("/search", response_model=None, responses={200: {"model": SearchAnswer}})
    async def post(asked: SearchRequest) -> Response:
        """Search an index by kNN, by BM25, or by both."""
        return await answer(asked)

    @routes.get("/search", response_model=None, responses={200: {"model": SearchAnswer}})
    async def get(asked: Annotated[InAddress, Query()]) -> Response:
        """The same, for what fits into an address."""
        return await answer(asked.whole())

    return routes
