"""A route as one torch module: token ids in, one vector per text out."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from encoder.engines.pooling import SMALLEST, pool
from encoder.engines.weights import fill, read_weights, said_of
from encoder.errors import EncoderError, ModelDamagedError, ModelRefusedError
from encoder.model.modules import (
    DenseSpec,
    LaterSpec,
    LayerNormSpec,
    NormalizeSpec,
    PoolingSpec,
    Route,
    StaticSpec,
    TransformerSpec,
    read_config,
)
from encoder.model.quiet import quiet
from encoder.model.schema import Config
from tandem.base.errors import one_line

# Weights of heads that no pooling uses; their lack changes nothing.
_UNUSED = ("pooler.", "cls.", "lm_head.", "position_ids")


class Network(nn.Module):
    """What reads the tokens, and what comes after it.

    forward takes ids, mask, kept: int64 [batch, tokens] each; mask is 1 for tokens and 0 for
    padding, which stands at the end, or None where there is none; kept is mask without a prompt
    that is left out of pooling. Gives float [batch, dim], not made unit length.
    """

    def __init__(self, first: nn.Module, later: tuple[LaterSpec, ...]) -> None:
        super().__init__()
        self.first = first
        self.later = nn.ModuleList([_module(each) for each in later])

    def forward(self, ids: Tensor, mask: Tensor | None, kept: Tensor) -> Tensor:
        """See the class."""
        vectors: Tensor = self.first(input_ids=ids, attention_mask=mask)[0]
        for module in self.later:
            vectors = module(vectors, kept)
        return vectors


class _Static(nn.Module):
    """The mean of a text's rows of a table; zeros for a text without tokens."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.table = nn.Parameter(_table(folder), requires_grad=False)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None) -> tuple[Tensor]:
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        weights = attention_mask.to(self.table.dtype)
        total = nn.functional.embedding_bag(
            input_ids, self.table, per_sample_weights=weights, mode="sum"
        )
        return (total / weights.sum(1, keepdim=True).clamp(min=SMALLEST),)


def _table(folder: Path) -> Tensor:
    """The rows of a static model: sentence-transformers' own, or model2vec's parts of them."""
    found = read_weights(folder)
    if "embedding.weight" in found:
        return found["embedding.weight"].float()
    if "embeddings" not in found:
        raise ModelDamagedError(
            f"the weights in {folder} hold {', '.join(sorted(found))} and must hold "
            "embedding.weight or embeddings: fetch the model again."
        )
    table = found["embeddings"].float()
    if "mapping" in found:
        table = table[found["mapping"].long()]
    return table * found["weights"].float()[:, None] if "weights" in found else table


class _Pooling(nn.Module):
    def __init__(self, modes: tuple[str, ...]) -> None:
        super().__init__()
        self.modes = modes

    def forward(self, vectors: Tensor, kept: Tensor) -> Tensor:
        return pool(vectors, kept, self.modes)


class _Dense(nn.Module):
    def __init__(self, spec: DenseSpec) -> None:
        super().__init__()
        self.linear = nn.Linear(spec.inputs, spec.outputs, bias=spec.bias)
        self.use_residual = spec.residual
        if spec.residual and spec.inputs != spec.outputs:
            self.residual = nn.Linear(spec.inputs, spec.outputs, bias=False)
        self.activation = torch_class(spec.activation, spec.folder)
        fill(self, spec.folder)

    def forward(self, vectors: Tensor, kept: Tensor) -> Tensor:
        out: Tensor = self.activation(self.linear(vectors))
        if not self.use_residual:
            return out
        return out + (self.residual(vectors) if hasattr(self, "residual") else vectors)


class _LayerNorm(nn.Module):
    def __init__(self, spec: LayerNormSpec) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(spec.dimension)
        fill(self, spec.folder)

    def forward(self, vectors: Tensor, kept: Tensor) -> Tensor:
        out: Tensor = self.norm(vectors)
        return out


class _Normalize(nn.Module):
    def forward(self, vectors: Tensor, kept: Tensor) -> Tensor:
        return nn.functional.normalize(vectors, p=2, dim=-1)


def _module(spec: LaterSpec) -> nn.Module:
    match spec:
        case PoolingSpec():
            return _Pooling(spec.modes)
        case DenseSpec():
            return _Dense(spec)
        case LayerNormSpec():
            return _LayerNorm(spec)
        case NormalizeSpec():
            return _Normalize()


def torch_class(name: str, folder: Path) -> nn.Module:
    """An activation, by the name of its class below `torch.`; raises ModelRefusedError."""
    module, _, kind = name.rpartition(".")
    if not f"{module}.".startswith("torch.nn."):
        raise ModelRefusedError(
            f"{folder} asks for the activation {name}, which is code that comes with the model: "
            "choose a model whose activation is one of torch.nn."
        )
    try:
        found = getattr(import_module(module), kind)
        if isinstance(found, type) and issubclass(found, nn.Module):
            return found()
    except (ImportError, AttributeError, TypeError):
        pass
    raise ModelRefusedError(
        f"{folder} asks for the activation {name}, which torch does not have: use a newer torch, "
        "or another model."
    )


def build(route: Route) -> Network:
    """The network of a route in float32, ready for inference; raises EncoderError."""
    spec = route.first
    first = _Static(spec.folder) if isinstance(spec, StaticSpec) else load_transformer(spec)
    return Network(first, route.later).eval().requires_grad_(False)


def load_transformer(spec: TransformerSpec) -> nn.Module:
    """The transformer in float32, from safetensors where there are any; never runs its own code.

    Raises ModelRefusedError for remote code and adapters, ModelDamagedError for broken or
    incomplete weights.
    """
    from transformers import AutoModel, AutoModelForTextEncoding

    config = load_config(spec.folder, dict(spec.config))
    # Of these, AutoModel would be encoder and decoder.
    kind = AutoModelForTextEncoding if config.is_encoder_decoder else AutoModel
    return load_pretrained(kind, spec.folder, config)


def load_config(folder: Path, overrides: dict[str, Any]) -> Any:
    """The transformers configuration of a folder; raises EncoderError."""
    from transformers import AutoConfig

    if (folder / "adapter_config.json").exists():
        raise ModelRefusedError(
            f"{folder} holds an adapter and not a whole model: merge it into its base model and "
            "save that."
        )
    described = read_config(folder, overrides)
    if kind := (described.quantization_config or {}).get("quant_method"):
        raise ModelRefusedError(
            f"the weights in {folder} are quantised ({kind}), which needs code of other packages: "
            "choose the same model in float32 or float16."
        )
    try:
        config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False)
    except Exception as error:  # transformers has many of its own
        raise _refusal(folder, described, error) from error
    known = config.to_dict()
    for name, value in overrides.items():
        if name in known:
            setattr(config, name, value)
    # What computes attention is no business of a model's files: some name code of the hub.
    config._attn_implementation = config._experts_implementation = None
    return config


def _refusal(folder: Path, described: Config, error: Exception) -> EncoderError:
    from transformers import CONFIG_MAPPING

    if described.auto_map:
        return ModelRefusedError(
            f"the model in {folder} needs code that comes with it (auto_map in config.json), "
            "which Tandem never runs: choose a model that transformers knows."
        )
    if described.model_type not in CONFIG_MAPPING:
        return ModelRefusedError(
            f"the model in {folder} is of the type {described.model_type!r}, which this "
            "version of transformers does not know: use a newer one, or another model."
        )
    return ModelDamagedError(
        f"{folder / 'config.json'} is wrong ({one_line(error)}): fetch the model again, or correct "
        "the file."
    )


def load_pretrained(kind: Any, folder: Path, config: Any) -> nn.Module:
    """A transformers model in float32 with all its weights; raises ModelDamagedError."""
    with quiet():
        try:
            model, info = kind.from_pretrained(
                str(folder),
                config=config,
                dtype=torch.float32,
                trust_remote_code=False,
                use_kernels=False,  # which are fetched from the hub
                ignore_mismatched_sizes=True,  # as told below
                output_loading_info=True,
            )
        except (
            Exception
        ) as error:  # safetensors, pickle, torch and transformers each have their own
            raise ModelDamagedError(
                f"the weights in {folder} cannot be loaded ({said_of(error)}): fetch the model "
                "again, as safetensors where there is a choice."
            ) from error
    for name, found, wanted in sorted(info["mismatched_keys"]):
        raise ModelDamagedError(
            f"{name} in {folder} has the shape {list(found)} and its config.json says "
            f"{list(wanted)}: fetch the model again, or correct config.json."
        )
    missing = sorted(each for each in info["missing_keys"] if not any(u in each for u in _UNUSED))
    if missing:
        raise ModelDamagedError(
            f"the weights in {folder} lack {len(missing)} tensors of the model, {missing[0]} among "
            "them: fetch the model again."
        )
    return model  # type: ignore[no-any-return]
