"""Read the settings of each kind of module that a model may be made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from encoder.errors import ModelRefusedError
from encoder.model import schema

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
class ModelSpec:
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


def _transformer(path: Path) -> TransformerSpec:
    names = (path / name for name in _TRANSFORMER_CONFIGS)
    there = next((each for each in names if each.exists()), None)
    settings = schema.read(there, schema.Transformer) if there else schema.Transformer()
    task = settings.transformer_task or "feature-extraction"
    if task != "feature-extraction":
        raise ModelRefusedError(
            f"the transformer of {path} is for {task} and must be for feature-extraction: choose a "
            "model that gives one vector a text."
        )
    length: float | None = settings.max_seq_length
    for group in (settings.tokenizer_args, settings.processor_kwargs):
        length = length or (group.model_max_length if group else None)
    config = {**(settings.config_args or {}), **(settings.config_kwargs or {})}
    config.pop("trust_remote_code", None)
    return TransformerSpec(
        path,
        int(min(length, UNLIMITED)) if length else None,
        bool(settings.do_lower_case),
        config,
    )


def _pooling(path: Path) -> PoolingSpec:
    config = schema.read(path / "config.json", schema.Pooling)
    named = config.pooling_mode
    if named is None:
        named = [mode for key, mode in _OLD_POOLING_KEYS.items() if getattr(config, key)]
    modes = (named,) if isinstance(named, str) else tuple(named or ("mean",))
    if unknown := [mode for mode in modes if mode not in POOLING_MODES]:
        raise ModelRefusedError(
            f"{path} asks for the pooling {unknown[0]!r}, which is not one of "
            f"{', '.join(POOLING_MODES)}: choose another model."
        )
    return PoolingSpec(modes, config.include_prompt is not False)


def _dense(path: Path) -> DenseSpec:
    config = schema.read(path / "config.json", schema.Dense)
    return DenseSpec(
        path,
        config.in_features,
        config.out_features,
        config.bias,
        config.activation_function or DenseSpec.activation,
        _on_tokens(config, path),
        config.use_residual,
    )


def _on_tokens(config: schema.Following, path: Path) -> bool:
    """Whether a module works on token vectors instead of the text's vector."""
    source = config.module_input_name or "sentence_embedding"
    target = config.module_output_name or source
    if source != target or source not in ("sentence_embedding", "token_embeddings"):
        raise ModelRefusedError(
            f"{path} reads {source!r} and writes {target!r}, which is not supported: choose a "
            "model whose modules follow one another."
        )
    return source == "token_embeddings"


def _layer_norm(path: Path) -> LayerNormSpec:
    return LayerNormSpec(path, schema.read(path / "config.json", schema.LayerNorm).dimension)


def _normalize(path: Path) -> NormalizeSpec:
    config = schema.read_optional(path / "config.json", schema.Following)
    return NormalizeSpec(_on_tokens(config or schema.Following(), path))


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
    config = read_config(spec.folder, spec.config)
    tokenizer = schema.read_optional(spec.folder / "tokenizer_config.json", schema.TokenizerConfig)
    table = _positions(config)
    limits: list[float | None] = [spec.declared_length] if spec.declared_length else []
    if not limits:
        limits = [tokenizer.model_max_length if tokenizer else None, config.max_position_embeddings]
    known = [int(each) for each in (*limits, table) if each and 0 < each < UNLIMITED]
    return min(known, default=UNLIMITED)


def read_config(folder: Path, overrides: Mapping[str, Any] | None = None) -> schema.Config:
    """The config.json of a transformer with what overrides it; raises ModelDamagedError."""
    path = folder / "config.json"
    plain = schema.read(path, dict[str, Any])
    return schema.checked({**plain, **(overrides or {})}, path, schema.Config)


def _positions(config: schema.Config) -> int | None:
    """How many tokens the table of positions holds, or None where there is no table."""
    rows = config.max_position_embeddings
    if not rows or rows < 0 or config.position_biased_input is False:
        return None
    if config.model_type not in _OFFSET_FAMILIES:
        return rows
    padding = config.pad_token_id
    return rows - (padding if isinstance(padding, int) else 1) - 1
