"""GET and POST /search: `tandem search` over HTTP, with the JSON of `search --json`."""

from __future__ import annotations

from http.client import BAD_REQUEST
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.datastructures import QueryParams
from starlette.responses import Response
from starlette.types import Scope

from cluster import ClusterError
from query import FilterError, QueryError, Result, result_json
from tandem.base.wire import json_bytes
from tandem.service.door.wording import in_requests
from tandem.service.parts import Parts
from tandem.service.routes.search_answer import SearchAnswer
from tandem.service.routes.search_request import InAddress, SearchRequest

PATH = "/search"


class Searches:
    """What a search is answered."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def at_the_door(self, scope: Scope, body: bytes) -> Response:
        """The answer to an address; raises ValidationError, and as below."""
        return await self(InAddress.of(QueryParams(scope["query_string"])).whole())

    async def __call__(self, asked: SearchRequest) -> Response:
        """The JSON of `search --json`; raises QueryError, ClusterError and EncoderError."""
        parts = self._parts
        index = asked.index or parts.index
        if index is None:
            raise QueryError("say which index to search: `index` in the request.")
        searcher, options = parts.searcher(index, asked.roles()), asked.options(parts)
        try:
            # As it is: FastAPI would copy all of it first.
            found = await parts.run(
                lambda: json_bytes(_told(searcher.search(asked.query, **options)))
            )
        except ClusterError as error:
            own = asked.filter or asked.where
            if own and getattr(error.__cause__, "status_code", None) == BAD_REQUEST:
                # Of what we send, only the caller's own conditions can be malformed.
                raise FilterError(str(error)) from error
            raise
        return Response(found, media_type="application/json")


def router(answer: Searches) -> APIRouter:
    """The two routes."""
    routes = APIRouter(tags=["search"])

    @routes.post(PATH, response_model=None, responses={200: {"model": SearchAnswer}})
    async def post(asked: SearchRequest) -> Response:
        """Search an index by kNN, by BM25, or by both."""
        return await answer(asked)

    @routes.get(PATH, response_model=None, responses={200: {"model": SearchAnswer}})
    async def get(asked: Annotated[InAddress, Query()]) -> Response:
        """The same, for what fits into an address."""
        return await answer(asked.whole())

    return routes


def _told(result: Result) -> dict[str, Any]:
    found = result_json(result)
    found["partial"] = result.partial and in_requests(result.partial)
    found["notes"] = list(map(in_requests, result.notes))
    return found
