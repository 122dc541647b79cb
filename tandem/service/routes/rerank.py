"""POST /rerank: passages in the order of a cross-encoder, in the shape of Cohere's and Jina's."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from tandem.service.parts import Parts

MOST_DOCUMENTS = 1000


class RerankRequest(BaseModel):
    """A query and what to order; documents are texts, or objects with a text."""

    model_config = ConfigDict(extra="ignore")

    query: str = Field(min_length=1)
    documents: list[str | dict[str, Any]] = Field(min_length=1, max_length=MOST_DOCUMENTS)
    top_n: int | None = Field(None, ge=1)
    return_documents: bool = False
    model: str | None = None


class Ranked(BaseModel):
    """A document by its place in the request; relevance_score: the cross-encoder's own."""

    index: int
    relevance_score: float
    document: dict[str, str] | None = None


class RerankAnswer(BaseModel):
    """Best first."""

    model: str
    results: list[Ranked]


def router(parts: Parts) -> APIRouter:
    """The route."""
    routes = APIRouter(tags=["rerank"])

    described: dict[int | str, dict[str, Any]] = {200: {"model": RerankAnswer}}

    @routes.post("/v2/rerank", response_model=None, responses=described)
    @routes.post("/v1/rerank", response_model=None, responses=described)
    @routes.post("/rerank", response_model=None, responses=described)
    async def rerank(asked: RerankRequest) -> dict[str, Any]:
        """Best first; relevance_score is the cross-encoder's own, higher is better."""
        reranker = parts.reranker
        if reranker is None:
            raise HTTPException(404, "this service has no cross-encoder: start it with --rerank.")
        if not asked.query.strip():
            raise HTTPException(400, "the query is empty: say what to order the documents by.")
        texts = [_text(each, number) for number, each in enumerate(asked.documents)]
        scores = await parts.run(lambda: reranker.score(asked.query, texts))
        order = sorted(range(len(texts)), key=lambda n: -scores[n])[: asked.top_n]
        results = [
            {
                "index": n,
                "relevance_score": float(scores[n]),
                **({"document": {"text": texts[n]}} if asked.return_documents else {}),
            }
            for n in order
        ]
        return {"model": reranker.name, "results": results}

    return routes


def _text(document: str | dict[str, Any], number: int) -> str:
    text = document if isinstance(document, str) else document.get("text")
    if not isinstance(text, str):
        raise HTTPException(422, f"documents.{number}: an object needs a text.")
    return text
