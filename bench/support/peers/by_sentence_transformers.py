"""SentenceTransformer, on torch or on OpenVINO, and opensearch-py's helpers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import script
from sentence_transformers import SentenceTransformer

# OpenVINO computes in bfloat16 unasked where the processor can, so both are asked for.
HINTS = {"float32": "f32", "bfloat16": "bf16"}


def encoder(job: dict[str, Any]) -> script.Encode:
    if job["backend"] == "openvino":
        hints = {"ov_config": {"INFERENCE_PRECISION_HINT": HINTS[job["precision"]]}}
        model = SentenceTransformer(
            job["openvino"], backend="openvino", device="cpu", model_kwargs=hints
        )
    else:
        dtype = {"dtype": job["precision"]}
        model = SentenceTransformer(job["model"], device="cpu", model_kwargs=dtype)
    return lambda texts: model.encode(texts, normalize_embeddings=True)


def loader(job: dict[str, Any]) -> Callable[[], None]:
    return script.loader(job, encoder(job))


def searcher(job: dict[str, Any]) -> script.Searcher:
    return script.Searcher(job, encoder(job))


def export(job: dict[str, Any]) -> None:
    """OpenVINO's form, as the documentation of sentence-transformers makes it."""
    model = SentenceTransformer(job["model"], backend="openvino", device="cpu")
    model.save_pretrained(job["openvino"])
