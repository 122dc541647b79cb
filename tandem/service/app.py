"""The app: its routes behind its doors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

import anyio.to_thread
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp

from cluster import ClusterError
from tandem.service.door import problems
from tandem.service.door.access import Access, Guard
from tandem.service.door.direct import Direct
from tandem.service.door.heads import Heads
from tandem.service.door.limits import Bounds, Limits
from tandem.service.door.observe import Observed
from tandem.service.parts import Parts
from tandem.service.routes import documents, embeddings, page, rerank, search

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True)
class Doors:
    """What stands before the routes."""

    access: Access
    bounds: Bounds = field(default_factory=Bounds)


class Ready(BaseModel):
    """The service and its cluster answer; model: what encodes."""

    status: Literal["ready"]
    model: str


def make_app(parts: Parts, doors: Doors, version: str) -> ASGIApp:
    """The ASGI app of one service; when it ends, the threads that encode end too.

    The doors stand before FastAPI, not in it: what is answered at the last of them then pays for
    nothing of what FastAPI itself does for each request.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        parts.close()

    app = FastAPI(
        title="Tandem",
        version=version,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        responses=problems.DESCRIBED,
    )
    problems.install(app)
    for make in (rerank.router, documents.router):
        app.include_router(make(parts))
    searched = search.Searches(parts)
    app.include_router(search.router(searched))
    embedded = embeddings.Embeddings(parts)
    app.include_router(embeddings.router(embedded, parts.encoder))
    app.include_router(page.router())
    _watch(app, parts, doors.bounds.ready)
    # What a router brings is not among the app's own routes.
    schema = app.openapi()  # which FastAPI makes once
    doors.access.describe(schema)
    routes = frozenset(schema["paths"])
    most_asked = {
        ("POST", embeddings.PATH): embedded.at_the_door,
        ("GET", search.PATH): searched.at_the_door,
    }
    direct = Direct(Heads(app), most_asked)
    guarded = Guard(Limits(direct, doors.bounds), doors.access)
    return Observed(guarded, parts.metrics, routes)


def _watch(app: FastAPI, parts: Parts, seconds: float) -> None:
    asking = anyio.CapacityLimiter(1)

    @app.get("/healthz", tags=["operation"])
    async def healthz() -> dict[str, str]:
        """Whether this process answers."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["operation"], responses={200: {"model": Ready}})
    async def readyz() -> Response:
        """Whether the cluster answers too."""
        # It needs no key: of its own it takes one thread, and waits for no search.
        with anyio.move_on_after(seconds) as time:
            try:
                await anyio.to_thread.run_sync(_ping(parts), abandon_on_cancel=True, limiter=asking)
            except ClusterError as error:
                return problems.problem(503, str(error))
        if time.cancelled_caught:
            detail = f"the cluster did not answer within {seconds:g} seconds."
            return problems.problem(503, detail)
        return JSONResponse({"status": "ready", "model": parts.encoder.name})

    @app.get("/metrics", tags=["operation"], response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Counts and times, in Prometheus' text format."""
        return PlainTextResponse(parts.metrics.text(), media_type=PROMETHEUS)


def _ping(parts: Parts) -> Callable[[], None]:
    def ping() -> None:
        with parts.cluster.explaining():
            parts.cluster.client.info()

    return ping
