"""Read the settings of each kind of module that a model may be made of."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from encoder.errors import ModelDamagedError, ModelRefusedError

# What "no limit" is called where a number is asked for.
UNLIMITED = 1_000_000_000
# Positions of these models count from the padding token's number on (create_position_ids of
# transformers), so their tables hold fewer tokens than they have rows.
_OFFSET_FAMILIES = frozenset(
    {"roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "mpnet", "roberta-prelayernorm"}
    | {"data2vec-text", "longformer", "ibert", "xmod"}
)

# In the order in which the layout of 2021 concatenates them.
POOLING_MODES = ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")


@dataclass(frozen=True)
class TransformerSpec:
    """A transformer and its tokenizer.

    declared_length: most tokens, special ones included, as the model's own settings say, None where
    they do not; lower_case: lower the text before tokenising; config: overrides of config.json.
    """

    folder: Path
    declared_length: int | None = None
    lower_case: bool = False
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StaticSpec:
    """A table of one vector per token, averaged."""

    folder: Path


@dataclass(frozen=True)
class PoolingSpec:
    """How token vectors become one: modes whose results are joined end to end.

    include_prompt: whether the prompt's tokens count.
    """

    modes: tuple[str, ...] = ("mean",)
    include_prompt: bool = True


@dataclass(frozen=True)
class DenseSpec:
    """A linear layer with an activation, the name of a class below `torch.`."""

    folder: Path
    inputs: int
    outputs: int
    bias: bool = True
    activation: str = "torch.nn.modules.activation.Tanh"
    on_tokens: bool = False
    residual: bool = False


@dataclass(frozen=True)
class LayerNormSpec:
    """A layer normalisation with weights."""

    folder: Path
    dimension: int


@dataclass(frozen=True)
class NormalizeSpec:
    """Division by the L2 norm, which is taken as at least 1e-12."""

    on_tokens: bool = False


InputSpec = TransformerSpec | StaticSpec
LaterSpec = PoolingSpec | DenseSpec | LayerNormSpec | NormalizeSpec


@dataclass(frozen=True)
class Route:
    """The way of a text: what reads it, and the modules after that, in order."""

    first: InputSpec
    later: tuple[LaterSpec, ...] = ()

    @property
    def include_prompt(self) -> bool:
        """Whether the prompt's tokens are pooled with the others."""
        return all(each.include_prompt for each in self.later if isinstance(each, PoolingSpec))


@dataclass(frozen=True)
class Blueprint:
    """A whole model: how queries and passages go through it, and what goes before their texts.

    The two routes are equal unless the model has a Router. similarity: what the model's vectors
    were trained to be compared by.
    """

    folder: Path
    queries: Route
    passages: Route
    query_prompt: str = ""
    passage_prompt: str = ""
    truncate_dim: int | None = None
    similarity: str = "cosine"

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of a model that will not rank as it was trained to."""
        unit = any(isinstance(each, NormalizeSpec) for each in self.passages.later)
        if unit or self.similarity.startswith("cos"):
            return ()
        return (
            f"this model was trained for {self.similarity} and Tandem compares by cosine, which "
            "ranks differently: evaluate it first, or take one that was trained for cosine.",
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


def max_length(spec: InputSpec) -> int:
    """Most tokens that a model reads, from its own settings; UNLIMITED where nothing limits it.

    A transformer's own setting comes first, then its tokenizer's, then the size of its table of
    positions, which caps them all.
    """
    if isinstance(spec, StaticSpec):
        return UNLIMITED
    config = {**read_json(spec.folder / "config.json"), **spec.config}
    tokenizer = read_json(spec.folder / "tokenizer_config.json", optional=True)
    table = _positions(config)
    limits: list[Any] = [spec.declared_length] if spec.declared_length else []
    if not limits:
        limits = [tokenizer.get("model_max_length"), config.get("max_position_embeddings")]
    known = [int(each) for each in (*limits, table) if each and 0 < each < UNLIMITED]
    return min(known, default=UNLIMITED)


def _positions(config: dict[str, Any]) -> int | None:
    """How many tokens the table of positions holds, or None where there is no table."""
    rows = config.get("max_position_embeddings")
    if not rows or rows < 0 or config.get("position_biased_input") is False:
        return None
    if config.get("model_type") not in _OFFSET_FAMILIES:
        return int(rows)
    padding = config.get("pad_token_id")
    return int(rows) - (1 if padding is None else int(padding)) - 1
