"""Read the settings of each kind of module that a model may be made of."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from encoder.errors import ModelDamagedError, ModelRefusedError
from encoder.specs import (
    POOLING_MODES,
    DenseSpec,
    InputSpec,
    LaterSpec,
    LayerNormSpec,
    NormalizeSpec,
    PoolingSpec,
    StaticSpec,
    TransformerSpec,
)

# Names that sentence-transformers has given to the settings of its Transformer module.
_TRANSFORMER_CONFIGS = tuple(
    f"sentence_{family}_config.json"
    for family in ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
)
_OLD_POOLING_KEYS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
# What older and newer versions call the same group of settings.
_TOKENIZER_GROUPS = ("tokenizer_args", "processor_kwargs")
_CONFIG_GROUPS = ("config_args", "config_kwargs")


def read_json(path: Path, *, optional: bool = False) -> dict[str, Any]:
    """The object in a JSON file; {} for one that is optional and not there."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        if optional:
            return {}
        raise ModelDamagedError(
            f"the model folder {path.parent} has no {path.name}: fetch the whole model again, or "
            "name another folder."
        ) from error
    except (OSError, ValueError) as error:
        raise ModelDamagedError(
            f"{path} cannot be read ({error}): fetch the model again."
        ) from error
    if not isinstance(value, dict):
        raise ModelDamagedError(f"{path} must hold a JSON object: fetch the model again.")
    return value


def _transformer(path: Path) -> TransformerSpec:
    found = (read_json(path / name, optional=True) for name in _TRANSFORMER_CONFIGS)
    settings = next((each for each in found if each), {})
    task = settings.get("transformer_task", "feature-extraction")
    if task != "feature-extraction":
        raise ModelRefusedError(
            f"the transformer of {path} is for {task} and must be for feature-extraction: choose a "
            "model that gives one vector a text."
        )
    length = settings.get("max_seq_length")
    for group in _TOKENIZER_GROUPS:
        length = length or (settings.get(group) or {}).get("model_max_length")
    config: dict[str, Any] = {}
    for group in _CONFIG_GROUPS:
        config |= settings.get(group) or {}
    config.pop("trust_remote_code", None)
    return TransformerSpec(
        path, int(length) if length else None, bool(settings.get("do_lower_case")), config
    )


def _pooling(path: Path) -> PoolingSpec:
    config = read_json(path / "config.json")
    modes = config.get("pooling_mode")
    if modes is None:
        modes = [mode for key, mode in _OLD_POOLING_KEYS.items() if config.get(key)] or ["mean"]
    modes = (modes,) if isinstance(modes, str) else tuple(modes)
    if unknown := [mode for mode in modes if mode not in POOLING_MODES]:
        raise ModelRefusedError(
            f"{path} asks for the pooling {unknown[0]!r}, which is not one of "
            f"{', '.join(POOLING_MODES)}: choose another model."
        )
    return PoolingSpec(modes, bool(config.get("include_prompt", True)))


def _dense(path: Path) -> DenseSpec:
    config = read_json(path / "config.json")
    name = str(config.get("activation_function", DenseSpec.activation))
    try:
        sizes = int(config["in_features"]), int(config["out_features"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelDamagedError(
            f"{path / 'config.json'} must give in_features and out_features: fetch the model again."
        ) from error
    return DenseSpec(
        path,
        *sizes,
        bool(config.get("bias", True)),
        name,
        _on_tokens(config, path),
        bool(config.get("use_residual", False)),
    )


def _on_tokens(config: Mapping[str, Any], path: Path) -> bool:
    """Whether a module works on token vectors instead of the text's vector."""
    source = config.get("module_input_name") or "sentence_embedding"
    target = config.get("module_output_name") or source
    if source != target or source not in ("sentence_embedding", "token_embeddings"):
        raise ModelRefusedError(
            f"{path} reads {source!r} and writes {target!r}, which is not supported: choose a "
            "model whose modules follow one another."
        )
    return bool(source == "token_embeddings")


def _layer_norm(path: Path) -> LayerNormSpec:
    return LayerNormSpec(path, int(read_json(path / "config.json")["dimension"]))


def _normalize(path: Path) -> NormalizeSpec:
    config = read_json(path / "config.json", optional=True)
    return NormalizeSpec(_on_tokens(config, path))


# Readers of modules that may come first.
FIRST: dict[str, Callable[[Path], InputSpec]] = {
    "Transformer": _transformer,
    "StaticEmbedding": StaticSpec,
}
# Readers of modules that may follow; None for one that does nothing here.
LATER: dict[str, Callable[[Path], LaterSpec | None]] = {
    "Pooling": _pooling,
    "Dense": _dense,
    "LayerNorm": _layer_norm,
    "Normalize": _normalize,
    # Does nothing outside training.
    "Dropout": lambda path: None,
}
