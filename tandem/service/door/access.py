"""Who may come in: by key, by host, and by the page that a browser asks for."""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cluster.access.credentials import Secret
from tandem.service.door.problems import problem

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
# What orchestrators ask without a key, and the page, which asks for one: nothing of documents.
OPEN = ("/healthz", "/readyz")
PAGE = "/page/"
WRITES = ("/documents",)


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True)
class Access:
    """Who may do what.

    read: the key of searches, None for none; write: the key of documents, without which none are
    written; hosts: names that requests may name this service by, empty for any.
    """

    read: Secret | None
    write: Secret | None
    hosts: tuple[str, ...] = LOCAL_NAMES

    def refusal(self, path: str, headers: Headers) -> tuple[int, str] | None:
        """Status and sentence for a request that may not come in."""
        if fault := self._of_a_stranger(path, headers):
            return 403, fault
        if not self.wants_key(path):
            return None
        given = _key_of(headers)
        if path.startswith(WRITES):
            if self.write is None:
                return 403, (
                    "this service writes no documents: start it with --write-key-file, and send "
                    "that key."
                )
            return None if _same(given, self.write) else (401, _WRONG.format("write"))
        # Who may write may read.
        keys = filter(None, (self.read, self.write))
        return None if any(_same(given, key) for key in keys) else (401, _WRONG.format("read"))

    def wants_key(self, path: str) -> bool:
        """Whether a request for it needs a key."""
        if path in OPEN or path == "/" or path.startswith(PAGE):
            return False
        return self.read is not None or path.startswith(WRITES)

    def describe(self, schema: dict[str, Any]) -> None:
        """Add to the service's schema which requests need a key, and how it is sent."""
        schema.setdefault("components", {})["securitySchemes"] = _SCHEMES
        for path, operations in schema["paths"].items():
            # Any one of them, and none where it is open to all.
            ways: list[dict[str, list[str]]] = [{name: []} for name in _SCHEMES]
            for operation in operations.values():
                operation["security"] = ways if self.wants_key(path) else []

    def _of_a_stranger(self, path: str, headers: Headers) -> str | None:
        said = headers.get("host", "")
        host = _split(f"//{said}").hostname or ""
        if self.hosts and host not in self.hosts:
            return (
                f"this service is not called {(host or said)[:100]!r}: start it with --allow-host "
                "and that name."
            )
        origin = headers.get("origin")
        if origin is not None and _split(origin).netloc != headers.get("host"):
            return _ELSEWHERE
        # An image or a script of a page elsewhere names no origin, and searches all the same.
        elsewhere = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        followed = path == "/" and headers.get("sec-fetch-mode") == "navigate"
        return _ELSEWHERE if elsewhere and not followed else None


def _split(url: str) -> SplitResult:
    """Nothing of what is no URL, whose host is then nobody's."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


_ELSEWHERE = "pages of other sites may not use this service: ask it from its own page, `/`."
_SCHEMES = {
    "Bearer": {"type": "http", "scheme": "bearer"},
    "X-API-Key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
_WRONG = "the key to {} is missing or wrong: send it as `Authorization: Bearer KEY`."


def _key_of(headers: Headers) -> str:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")


def _same(given: str, key: Secret) -> bool:
    return hmac.compare_digest(given.encode(), key.reveal().encode())


class Guard:
    """The door of the app: who may not come in gets a problem, and nothing behind it runs.

    A browser gives an answer to no page elsewhere, even where it does not say who asks.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on, or refuse."""

        async def kept(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
            await send(message)

        if scope["type"] == "http":
            refused = self._access.refusal(scope["path"], Headers(scope=scope))
            if refused:
                status, detail = refused
                more = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
                await problem(status, detail, more)(scope, receive, kept)
                return
        await self._app(scope, receive, kept)
