"""Bounds on what one request may take: bytes of its body, time, and how many run at once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tandem.service.door.access import OPEN
from tandem.service.door.problems import problem

RETRY_SECONDS = 1


@dataclass(frozen=True)
class Bounds:
    """body: bytes; seconds: until an answer begins; at_once: requests under way.

    ready: seconds that the cluster has to show that it answers.
    """

    body: int = 10_000_000
    seconds: float = 60.0
    at_once: int = 256
    ready: float = 5.0


class TooLargeError(Exception):
    """The body is larger than its bound."""


class Limits:
    """Refuses with 413, 429 and 504 what is beyond the bounds."""

    def __init__(self, app: ASGIApp, bounds: Bounds) -> None:
        self._app, self._bounds = app, bounds
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on within the bounds."""
        if scope["type"] != "http" or scope["path"] in OPEN:
            await self._app(scope, receive, send)
        elif self._under_way >= self._bounds.at_once:
            detail = f"{self._under_way} requests are under way, and no more are taken: try again."
            headers = {"Retry-After": str(RETRY_SECONDS)}
            await problem(429, detail, headers)(scope, receive, send)
        else:
            self._under_way += 1
            try:
                await self._bounded(scope, receive, send)
            finally:
                self._under_way -= 1

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = False

        async def noting(message: Message) -> None:
            nonlocal began
            began = True
            await send(message)

        bounds = self._bounds
        try:
            await asyncio.wait_for(self._handed_on(scope, receive, noting), bounds.seconds)
        except TooLargeError:
            detail = f"the body is larger than {bounds.body:,} bytes: send less at once."
            await problem(413, detail)(scope, receive, send)
        except asyncio.TimeoutError:
            if began:
                raise
            detail = f"no answer within {bounds.seconds:g} seconds: ask for less at once."
            await problem(504, detail)(scope, receive, send)

    async def _handed_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await self._body(scope, receive)
        await self._app(scope, _once(body, receive), send)

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        length = Headers(scope=scope).get("content-length", "0")
        if not length.isdecimal() or int(length) > self._bounds.body:
            raise TooLargeError
        body = bytearray()
        while True:
            message = await receive()
            body += message.get("body", b"")
            if len(body) > self._bounds.body:
                raise TooLargeError
            if message["type"] == "http.disconnect" or not message.get("more_body"):
                return bytes(body)


def _once(body: bytes, receive: Receive) -> Receive:
    """The body that was read, and then whatever comes."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
