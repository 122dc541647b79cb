"""fastembed with the same weights in ONNX, as a custom model, and opensearch-py's helpers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import script
from fastembed import TextEmbedding
from fastembed.common.model_description import ModelSource, PoolingType

NAME = "local/the-model-of-the-bench"
TOKENIZER = ("config.json", "tokenizer.json", "special_tokens_map.json", "tokenizer_config.json")


def encoder(job: dict[str, Any]) -> script.Encode:
    TextEmbedding.add_custom_model(
        model=NAME,
        pooling=PoolingType.MEAN,
        normalization=True,
        sources=ModelSource(hf=NAME),
        dim=job["dim"],
        model_file="model.onnx",
    )
    model = TextEmbedding(model_name=NAME, specific_model_path=job["onnx"])
    return lambda texts: np.stack(list(model.embed(texts)))


def loader(job: dict[str, Any]) -> Callable[[], None]:
    return script.loader(job, encoder(job))


def searcher(job: dict[str, Any]) -> script.Searcher:
    return script.Searcher(job, encoder(job))


def export(job: dict[str, Any]) -> None:
    """The network in ONNX by torch's exporter, beside the tokenizer's files."""
    import torch
    from transformers import AutoModel

    source, target = Path(job["model"]), Path(job["onnx"])
    target.mkdir(parents=True)
    model = AutoModel.from_pretrained(source, dtype=torch.float32).eval()
    names = ("input_ids", "attention_mask", "token_type_ids")
    both = {0: torch.export.Dim("batch"), 1: torch.export.Dim("tokens", max=job["max_length"])}
    torch.onnx.export(
        model,
        # One tensor for all three would be taken for one input.
        kwargs={name: torch.ones(2, 16, dtype=torch.int64) for name in names},
        f=str(target / "model.onnx"),
        input_names=list(names),
        output_names=["last_hidden_state"],
        dynamic_shapes=dict.fromkeys(names, both),
        dynamo=True,
        external_data=False,
    )
    for name in TOKENIZER:
        if (source / name).exists():
            shutil.copy(source / name, target)
    settings = json.loads((target / "tokenizer_config.json").read_text("utf-8"))
    # SentenceTransformer cuts off here; the tokenizer's own file says 512.
    settings["model_max_length"] = job["max_length"]
    (target / "tokenizer_config.json").write_text(json.dumps(settings), "utf-8")
