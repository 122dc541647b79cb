"""GET and POST /search: `tandem search` over HTTP, with the JSON of `search --json`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from query import QueryError, result_json
from query.files import json_bytes
from tandem.service.parts import Parts
from tandem.service.routes.search_answer import SearchAnswer
from tandem.service.routes.search_request import InAddress, SearchRequest


def router(parts: Parts) -> APIRouter:
    """The two routes."""
    routes = APIRouter(tags=["search"])

    async def answer(asked: SearchRequest) -> Response:
        index = asked.index or parts.index
        if index is None:
            raise QueryError("say which index to search: `index` in the request.")
        searcher, options = parts.searcher(index, asked.roles()), asked.options(parts)
        # As it is: FastAPI would copy all of it first.
        found = await parts.run(
            lambda: json_bytes(result_json(searcher.search(asked.query, **options)))
        )
        return Response(found, media_type="application/json")

    @routes.post("/search", response_model=None, responses={200: {"model": SearchAnswer}})
    async def post(asked: SearchRequest) -> Response:
        """Search an index by kNN, by BM25, or by both."""
        return await answer(asked)

    @routes.get("/search", response_model=None, responses={200: {"model": SearchAnswer}})
    async def get(asked: Annotated[InAddress, Query()]) -> Response:
        """The same, for what fits into an address."""
        return await answer(asked.whole())

    return routes
