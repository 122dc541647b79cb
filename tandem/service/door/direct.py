"""What very many small requests ask for is answered at the door, without FastAPI's way inside.

For one text that way would be a third of the time. FastAPI has the same routes, for its schema.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tandem.service.door.problems import answered

Answer = Callable[[bytes], Awaitable[Response]]


class Direct:
    """answers: by path, what makes a response of a posted body; Limits must have read it whole."""

    def __init__(self, app: ASGIApp, answers: Mapping[str, Answer]) -> None:
        self._app, self._answers = app, answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or hand on."""
        posted = scope["type"] == "http" and scope["method"] == "POST"
        answer = self._answers.get(scope["path"]) if posted else None
        if answer is None:
            await self._app(scope, receive, send)
            return
        message = await receive()
        try:
            response = await answer(message.get("body", b""))
        except Exception as error:
            problem = answered(error)
            if problem is None:
                raise
            response = problem
        await response(scope, receive, send)
