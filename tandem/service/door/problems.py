"""Errors as RFC 9457 problems: a status, and the sentence that the command line would say."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from cluster import AccessError, ClusterError, MissingIndexError, UnreachableError
from encoder import EncoderError
from ingest import BlockedError, OutageError
from query import AnswerError
from tandem.base.errors import TandemError
from tandem.base.process.redact import redacted_text
from tandem.service.door.wording import in_requests

MEDIA_TYPE = "application/problem+json"
# How the service's schema describes any other answer than that of a success.
_TEXT = {"type": "string"}
_MEMBERS = {"type": _TEXT, "title": _TEXT, "status": {"type": "integer"}, "detail": _TEXT}
DESCRIBED: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "A problem (RFC 9457), with one sentence as its detail.",
        "content": {
            MEDIA_TYPE: {
                "schema": {
                    "title": "Problem",
                    "type": "object",
                    "properties": _MEMBERS,
                    "required": list(_MEMBERS),
                }
            }
        },
    }
}
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
# What Starlette and FastAPI say by themselves, as a sentence.
_OWN = {
    "Not Found": "there is nothing at this address: GET /openapi.json lists what there is.",
    "Method Not Allowed": "this address does not take this method: GET /openapi.json lists what "
    "each takes.",
    "There was an error parsing the body": "the body is no JSON that can be read: it is not UTF-8, "
    "is nested too deeply, or has a number of thousands of digits.",
}


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """A response with `type`, `title`, `status` and `detail`; no secret of a URL is in it."""
    said = redacted_text(in_requests(detail))
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


def answered(error: Exception) -> Response | None:
    """The problem that an error of the caller, the cluster or the model is; None for any other."""
    if isinstance(error, TandemError):
        later = getattr(error, "retry_after", None)  # the cluster's wish is ours
        headers = {} if later is None else {"Retry-After": f"{later:.0f}"}
        return problem(status_of(error), str(error), headers)
    if isinstance(error, HTTPException):
        said = _OWN.get(str(error.detail), str(error.detail))
        return problem(error.status_code, said, error.headers)
    if isinstance(error, RequestValidationError):
        return _malformed(error.errors()[0], error.errors()[0]["loc"][1:])
    if isinstance(error, ValidationError):
        return _malformed(error.errors(include_url=False)[0], error.errors()[0]["loc"])
    return None


def _malformed(first: Mapping[str, Any], loc: Sequence[int | str]) -> Response:
    if first["type"] == "json_invalid":
        return problem(422, f"the body is no JSON ({first['ctx']['error']}).")
    return problem(422, f"{'.'.join(map(str, loc)) or 'the body'}: {first['msg']}.")


async def _expected(request: Request, error: Exception) -> Response:
    found = answered(error)
    if found is None:
        raise error
    taken = {*map(str.upper, request.app.openapi()["paths"].get(request.url.path, ()))}
    if found.status_code == HTTPStatus.METHOD_NOT_ALLOWED and taken:
        # A route of its own for each method knows of no other.
        found.headers["Allow"] = ", ".join(sorted(taken | ({"HEAD"} if "GET" in taken else set())))
    return found


def unexpected(error: Exception) -> Response:
    """The problem that a defect is; whoever sends it lets the error go on, to be logged."""
    return problem(500, f"unexpected {type(error).__name__}: this is a defect in Tandem.")


async def _unexpected(request: Request, error: Exception) -> Response:
    return unexpected(error)


def install(app: FastAPI) -> None:
    """Let the app answer every error so."""
    for kind in (TandemError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, _expected)
    app.add_exception_handler(Exception, _unexpected)
