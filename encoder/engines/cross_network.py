"""The torch side of a cross-encoder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import nn

from encoder.batching.batches import Vectors
from encoder.engines.network import load_config, load_pretrained, torch_class
from encoder.engines.scoring import Ints, Scoring, log_odds
from encoder.errors import ModelRefusedError
from encoder.forks import check_process, computed, computing
from encoder.model import schema
from encoder.model.modules import read_config


def build(folder: Path, device: str) -> Scoring:
    """Load the model of a folder and return what scores a batch; raises EncoderError."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    config = load_config(folder, {})
    if config.num_labels not in (1, 2):
        raise ModelRefusedError(
            f"the cross-encoder in {folder} has {config.num_labels} labels and must have one score "
            "or two labels (no, yes): choose a model that was trained to rank."
        )
    activation = _activation(folder, config.num_labels)
    model = load_pretrained(AutoModelForSequenceClassification, folder, config)
    model = model.eval().requires_grad_(False).to(device)
    # Whether a model is told the two texts apart this way is a property of its tokenizer.
    typed = "token_type_ids" in AutoTokenizer.from_pretrained(str(folder)).model_input_names

    process = os.getpid()

    def run(ids: Ints, mask: Ints, kinds: Ints) -> Vectors:
        if device != "cpu":
            check_process(device, process)
        given: dict[str, Any] = {"input_ids": ids, "attention_mask": mask}
        if typed:
            given["token_type_ids"] = kinds
        moved = {name: torch.from_numpy(each).to(device) for name, each in given.items()}
        with torch.inference_mode(), computing():
            return log_odds(model(**moved).logits.float().cpu().numpy())

    def activate(odds: Vectors) -> Vectors:
        with torch.inference_mode():
            found: Vectors = activation(torch.from_numpy(odds)[:, None])[:, 0].numpy()
        return found

    return Scoring(
        lambda ids, mask, kinds: computed(lambda: run(ids, mask, kinds)),
        lambda odds: computed(lambda: activate(odds)),
    )


def _activation(folder: Path, labels: int) -> nn.Module:
    """What is applied to log-odds: a model's own setting, of one label, else the sigmoid."""
    if labels == 2:
        return nn.Sigmoid()
    config = read_config(folder)
    settings = schema.read_optional(folder / "config_sentence_transformers.json", schema.Model)
    name = (
        (settings and settings.activation_fn)
        or (config.sentence_transformers and config.sentence_transformers.activation_fn)
        or config.sbert_ce_default_activation_function
    )
    if name is None:
        return nn.Sigmoid()
    return torch_class(name, folder)
