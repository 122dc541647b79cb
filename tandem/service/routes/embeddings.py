"""POST /v1/embeddings: OpenAI's request and answer, by the service's own model."""

from __future__ import annotations

import base64
from typing import Any, Literal

import numpy as np
import orjson
from fastapi import APIRouter
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from encoder import Encoder
from tandem.service.parts import Parts

PATH = "/v1/embeddings"
MOST_INPUTS = 2048


class EmbeddingsRequest(BaseModel):
    """OpenAI's request; `input_type` says whether the texts are queries or passages."""

    model_config = ConfigDict(extra="ignore")

    input: str | list[str] | list[int] | list[list[int]]
    model: str | None = None
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = Field(None, ge=1)
    input_type: Literal["query", "passage"] = "passage"


class Embedding(BaseModel):
    """Of one text: numbers, or their bytes as little-endian float32 in base64."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class Usage(BaseModel):
    """Tokens of all texts."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsAnswer(BaseModel):
    """OpenAI's answer, in the order of the texts."""

    object: Literal["list"]
    data: list[Embedding]
    model: str
    usage: Usage


class Embeddings:
    """What a request for embeddings is answered."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def at_the_door(self, scope: Scope, body: bytes) -> Response:
        """The answer to the JSON of a request; raises ValidationError, HTTPException as below."""
        return await self(EmbeddingsRequest.model_validate_json(body))

    async def __call__(self, asked: EmbeddingsRequest) -> Response:
        """Unit vectors of texts, in their order; raises HTTPException for what is not taken."""
        parts, encoder = self._parts, self._parts.encoder
        texts = _texts(asked.input)
        _check_model(asked.model, encoder.name)
        dim = _dimensions(asked.dimensions, encoder.dim)
        batcher = parts.queries if asked.input_type == "query" else parts.passages
        found = await batcher.encoded(texts)
        tokens = sum(found.tokens)
        answer = {
            "object": "list",
            "data": [
                {"object": "embedding", "index": n, "embedding": _shown(row, asked.encoding_format)}
                for n, row in enumerate(_cut(found.vectors, dim))
            ],
            "model": encoder.name,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }
        # Of many small answers, making JSON of their numbers is a great part.
        return Response(
            orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json"
        )


def router(answer: Embeddings, encoder: Encoder) -> APIRouter:
    """The route, and the list of the one model."""
    routes = APIRouter(tags=["embeddings"])

    described: dict[int | str, dict[str, Any]] = {200: {"model": EmbeddingsAnswer}}

    @routes.post(PATH, response_model=None, responses=described)
    async def embeddings(asked: EmbeddingsRequest) -> Response:
        """Unit vectors of texts, in their order; cosine is their product."""
        return await answer(asked)

    @routes.get("/v1/models")
    async def models() -> dict[str, Any]:
        """The one model, with the fingerprint that indexes know it by."""
        found = {"id": encoder.name, "object": "model", "created": 0, "owned_by": "tandem"}
        found["fingerprint"] = encoder.fingerprint
        return {"object": "list", "data": [found]}

    return routes


def _texts(given: str | list[str] | list[int] | list[list[int]]) -> list[str]:
    texts = [given] if isinstance(given, str) else given
    if not texts:
        raise HTTPException(400, "input is empty: send at least one text.")
    if len(texts) > MOST_INPUTS:
        raise HTTPException(
            400, f"input has {len(texts):,} texts and at most {MOST_INPUTS:,} are taken: send less."
        )
    checked = []
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise HTTPException(
                400,
                "input holds tokens, and each model has its own: send texts (in LangChain, "
                "check_embedding_ctx_length=False).",
            )
        if not text.strip():
            raise HTTPException(400, f"input {number} is empty: leave it out.")
        checked.append(text)
    return checked


def _check_model(asked: str | None, name: str) -> None:
    if asked is not None and asked not in (name, name.rsplit("/", 1)[-1]):
        raise HTTPException(404, f"there is no model {asked[:200]!r} here: this is {name}.")


def _dimensions(asked: int | None, dim: int) -> int:
    if asked is not None and asked > dim:
        raise HTTPException(400, f"dimensions is {asked} and the model gives {dim}: ask for less.")
    return dim if asked is None else asked


def _cut(vectors: NDArray[np.float32], dim: int) -> NDArray[np.float32]:
    """The first components, of unit length again, as models trained for it want it."""
    if dim == vectors.shape[1]:
        return vectors
    cut = vectors[:, :dim]
    lengths: NDArray[np.float32] = np.linalg.norm(cut, axis=1, keepdims=True)
    if not lengths.all():
        raise HTTPException(
            400, f"a vector has nothing in its first {dim} dimensions: ask for more."
        )
    return cut / lengths


def _shown(row: NDArray[np.float32], form: str) -> NDArray[np.float32] | str:
    if form == "float":
        return np.ascontiguousarray(row)
    return base64.b64encode(row.astype("<f4").tobytes()).decode()
