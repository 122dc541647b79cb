"""GET /: the search page, plain modules under a strict content security policy."""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import Response

_FILES = {
    "index.html": "text/html; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "api.js": "text/javascript; charset=utf-8",
    "facets.js": "text/javascript; charset=utf-8",
    "hits.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


def router() -> APIRouter:
    """The page, and the files that it is made of."""
    routes = APIRouter(include_in_schema=False)
    folder = files("tandem.service") / "page"
    read = {name: (folder / name).read_bytes() for name in _FILES}

    def answer(name: str) -> Response:
        if name not in read:
            raise HTTPException(404, f"the page has no file {name[:100]!r}.")
        return Response(read[name], media_type=_FILES[name], headers=_HEADERS)

    @routes.get("/")
    async def page() -> Response:
        return answer("index.html")

    @routes.get("/page/{name}")
    async def part(name: str) -> Response:
        return answer(name)

    return routes
