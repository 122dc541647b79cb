"""What a model folder says about itself: the modules of each route, as frozen records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
