"""POST /documents and DELETE /documents/{id}: ingestion's own path, for what comes one by one."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from ingest import Plan, Writing, ingest, remove
from tandem.service.door.wording import in_requests
from tandem.service.parts import Parts

MOST_DOCUMENTS = 1000


class Refused(BaseModel):
    """A document that was not written, and why."""

    id: Any
    reason: str


class DocumentsAnswer(BaseModel):
    """The report of `ingest --json`, and what was refused."""

    model_config = ConfigDict(extra="allow")

    index: str
    read: int
    written: int
    skipped: int
    rejected: int
    refused: list[Refused]


class RemovedAnswer(BaseModel):
    """What went of the index; changed: passages that others changed meanwhile, which stay."""

    index: str
    documents: int
    passages: int
    missing: list[str]
    removed: bool
    changed: int


_LINES = {
    "requestBody": {
        "required": True,
        "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
    }
}


def router(parts: Parts) -> APIRouter:
    """The two routes."""
    routes = APIRouter(tags=["documents"])

    def named(index: str | None) -> str:
        if (name := index or parts.index) is None:
            raise HTTPException(400, "say which index to write into: ?index=NAME.")
        return name

    described: dict[int | str, dict[str, Any]] = {200: {"model": DocumentsAnswer}}

    @routes.post("/documents", response_model=None, responses=described, openapi_extra=_LINES)
    async def post(request: Request, index: str | None = None) -> dict[str, Any]:
        """Write documents, one JSON object a line; the answer is `ingest --json`'s report.

        What is refused is in `refused`, each with its reason. The documents can be found at once.
        """
        name, lines = named(index), (await request.body()).splitlines()
        documents = list(_documents(lines))
        return await parts.run(lambda: _written(parts, name, documents))

    @routes.delete(
        "/documents/{document_id:path}",
        response_model=None,
        responses={200: {"model": RemovedAnswer}},
    )
    async def delete(document_id: str, index: str | None = None) -> dict[str, Any]:
        """Remove a document with all its passages."""
        name = named(index)
        gone = await parts.run(lambda: remove(parts.cluster, name, ids=[document_id]))
        if gone.missing:
            raise HTTPException(404, f"index {name!r} has no document {document_id[:200]!r}.")
        return gone.to_json()

    return routes


def _documents(lines: list[bytes]) -> Iterator[dict[str, Any]]:
    filled = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not filled:
        raise HTTPException(400, "the body is empty: send one JSON object a line.")
    if len(filled) > MOST_DOCUMENTS:
        raise HTTPException(
            413,
            f"{len(filled):,} documents are more than the {MOST_DOCUMENTS:,} of one request: send "
            "fewer, or use `tandem ingest`.",
        )
    for number, line in filled:
        if isinstance(document := _document(line), str):
            raise HTTPException(400, f"line {number} {document}.")
        yield document


def _document(line: bytes) -> dict[str, Any] | str:
    """A line's object, or what is wrong with the line."""
    try:
        document = json.loads(line.decode("utf-8-sig"), parse_constant=_refused)
    except UnicodeDecodeError:
        return "is not UTF-8"
    except json.JSONDecodeError as error:
        return f"is no JSON ({error})"
    except RecursionError:
        return "is nested too deeply"
    except ValueError:  # Python reads no integer of so many digits
        return "has a number of thousands of digits: make it a string"
    return document if isinstance(document, dict) else "is no JSON object"


def _refused(constant: str) -> None:
    # Python has it for a number; a document of Python's that has one is taken as without it.
    raise json.JSONDecodeError(f"JSON has no number {constant}", "", 0)


def _written(parts: Parts, index: str, documents: list[dict[str, Any]]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        rejects = Path(folder) / "rejects.jsonl"
        report = ingest(
            documents,
            cluster=parts.cluster,
            encoder=parts.encoder,
            index=index,
            plan=Plan(writing=Writing(max_outage=parts.outage), rejects=rejects),
        )
        lines = rejects.read_text("utf-8").splitlines() if rejects.exists() else []
    refused = [
        {"id": each.get("id"), "reason": in_requests(each["reason"])}
        for each in map(json.loads, lines)
    ]
    found = report.to_json()
    found["warnings"] = list(map(in_requests, report.warnings))
    found["reasons"] = {in_requests(why): often for why, often in report.reasons.items()}
    found.pop("rejects", None)
    return {**found, "refused": refused}
