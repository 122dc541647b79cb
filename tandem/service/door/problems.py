"""Errors as RFC 9457 problems: a status, and the sentence that the command line would say."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from cluster import AccessError, ClusterError, MissingIndexError, UnreachableError
from cluster.access.credentials import redacted_urls
from encoder import EncoderError
from ingest import BlockedError, OutageError
from query import AnswerError
from tandem.base.errors import TandemError

logger = logging.getLogger("tandem.service")

MEDIA_TYPE = "application/problem+json"
# The first that an error is one of; anything else of Tandem's is the caller's.
_STATUS: tuple[tuple[type[TandemError], int], ...] = (
    (MissingIndexError, 404),
    (UnreachableError, 503),
    (OutageError, 503),
    (BlockedError, 503),
    (AccessError, 502),
    (ClusterError, 502),
    (AnswerError, 502),
    (EncoderError, 500),
)


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """A response with `type`, `title`, `status` and `detail`; no secret of a URL is in it."""
    said = redacted_urls(detail)
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": said,
        "error": {"message": said},  # where OpenAI's clients look
    }
    return Response(json.dumps(body), status, dict(headers or {}), MEDIA_TYPE)


def status_of(error: TandemError) -> int:
    """The status that says whose fault an error is."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 400)


async def _ours(request: Request, error: Exception) -> Response:
    if not isinstance(error, TandemError):
        raise error
    later = getattr(error, "retry_after", None)  # the cluster's wish is ours
    headers = {} if later is None else {"Retry-After": f"{later:.0f}"}
    return problem(status_of(error), str(error), headers)


async def _malformed(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    first: dict[str, Any] = error.errors()[0]
    place = ".".join(map(str, first["loc"][1:])) or "the body"
    return problem(422, f"{place}: {first['msg']}.")


async def _http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return problem(error.status_code, str(error.detail), error.headers)


async def _unexpected(request: Request, error: Exception) -> Response:
    logger.error("unexpected %s", type(error).__name__, exc_info=error)
    return problem(500, f"unexpected {type(error).__name__}: this is a defect in Tandem.")


def install(app: FastAPI) -> None:
    """Let the app answer every error so."""
    app.add_exception_handler(TandemError, _ours)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)
