"""What the JSON files of a model may say: types, ranges and names, checked where they are read.

What a class below does not name is not read. Each name and default is that of sentence-transformers
or transformers.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from encoder.errors import ModelDamagedError
from tandem.base.folders import why_not
from tandem.base.schema import as_type

Positive = Annotated[int, Meta(ge=1)]
# Of a vector or a layer; more would be memory that no model of text needs.
Size = Annotated[int, Meta(ge=1, le=1_000_000)]
# Tokens; what means no limit is written as a number beyond all use.
Length = Positive | Annotated[float, Meta(ge=1)]
Layers = Annotated[int, Meta(ge=0, le=10_000)]

# Levels of a JSON file; those of models have about five.
DEEPEST = 50

Schema = TypeVar("Schema")


class Module(Struct):
    """An entry of modules.json: the class, and its folder."""

    type: str
    path: str
    idx: int = 0


class Shards(Struct):
    """model.safetensors.index.json and its like: a weight's name -> the file that holds it."""

    weight_map: dict[str, str]


class TokenizerArgs(Struct):
    """What of a transformer module's arguments of its tokenizer counts."""

    model_max_length: Length | None = None


class Transformer(Struct):
    """sentence_bert_config.json, and what it is called in other families."""

    max_seq_length: Positive | None = None
    do_lower_case: bool | None = None
    transformer_task: str | None = None
    # What older and newer versions call the same group of settings.
    tokenizer_args: TokenizerArgs | None = None
    processor_kwargs: TokenizerArgs | None = None
    config_args: dict[str, Any] | None = None
    config_kwargs: dict[str, Any] | None = None


class Pooling(Struct):
    """config.json of a pooling: one name or several, or the flags of 2021."""

    pooling_mode: str | list[str] | None = None
    include_prompt: bool | None = None
    pooling_mode_cls_token: bool = False
    pooling_mode_max_tokens: bool = False
    pooling_mode_mean_tokens: bool = False
    pooling_mode_mean_sqrt_len_tokens: bool = False
    pooling_mode_weightedmean_tokens: bool = False
    pooling_mode_lasttoken: bool = False


class Following(Struct):
    """config.json of a module that works on the vectors of the one before it."""

    module_input_name: str | None = None
    module_output_name: str | None = None


class Dense(Following, kw_only=True):
    """config.json of a linear layer."""

    in_features: Size
    out_features: Size
    bias: bool = True
    activation_function: str | None = None
    use_residual: bool = False


class LayerNorm(Struct):
    """config.json of a layer normalisation."""

    dimension: Size


class RouterParameters(Struct):
    """Which way a Router sends a text."""

    route_mappings: dict[str, str] | None = None
    default_route: str | None = None
    allow_empty_key: bool = True


class Router(Struct):
    """router_config.json: folder -> class, and route -> folders in order."""

    types: dict[str, str]
    structure: dict[str, list[str]]
    parameters: RouterParameters | None = None


class Model(Struct):
    """config_sentence_transformers.json."""

    prompts: dict[str, str | None] | None = None
    truncate_dim: Size | None = None
    similarity_fn_name: str | None = None
    activation_fn: str | None = None


class CrossEncoderSettings(Struct):
    """What a cross-encoder notes in its config.json."""

    activation_fn: str | None = None


class Config(Struct):
    """config.json of a transformer, what of it is read here; the rest is transformers' own."""

    architectures: list[str] | None = None
    model_type: str | None = None
    is_causal: bool | None = None
    max_position_embeddings: int | None = None
    position_biased_input: bool | None = None
    pad_token_id: int | list[int] | None = None
    num_hidden_layers: Layers | None = None
    auto_map: dict[str, Any] | None = None
    quantization_config: dict[str, Any] | None = None
    sentence_transformers: CrossEncoderSettings | None = None
    sbert_ce_default_activation_function: str | None = None


class TokenizerConfig(Struct):
    """tokenizer_config.json, what of it is read here."""

    model_max_length: Length | None = None


def read(path: Path, schema: type[Schema]) -> Schema:
    """A JSON file of a model as its schema says; raises ModelDamagedError naming file and key."""
    return checked(read_json(path), path, schema)


def read_optional(path: Path, schema: type[Schema]) -> Schema | None:
    """The same, and None for a file that is not there."""
    return read(path, schema) if path.exists() else None


def checked(value: Any, path: Path, schema: type[Schema]) -> Schema:
    """The value, which came from the file, as its schema says; the same error."""
    try:
        return as_type(value, schema)
    except msgspec.ValidationError as error:
        said, _, where = str(error).partition(" - at `$")
        key = where.rstrip("`").lstrip(".") or "the whole"
        said = said.replace("`", "")
        raise ModelDamagedError(
            f"{path} is wrong at {key} ({said[0].lower()}{said[1:]}): fetch the model again, or "
            "correct the file."
        ) from None


def _sane(value: Any) -> Any:
    """The value itself; ValueError where it has half a character, or is nested beyond all use.

    Either ends in a traceback wherever it is written out, copied or compared.
    """
    level, depth = [value], 0
    while level:
        if (depth := depth + 1) > DEEPEST:
            raise ValueError(f"it is nested more than {DEEPEST} levels deep")
        objects = [each for each in level if isinstance(each, dict)]
        for text in (*(e for e in level if isinstance(e, str)), *(k for o in objects for k in o)):
            text.encode()
        lists = [each for each in level if isinstance(each, list)]
        level = [inner for each in (*lists, *map(dict.values, objects)) for inner in each]
    return value


def read_json(path: Path) -> Any:
    """The value in a JSON file; raises ModelDamagedError where there is none."""
    try:
        return _sane(json.loads(path.read_text("utf-8")))
    except FileNotFoundError as error:
        raise ModelDamagedError(
            f"the model folder {path.parent} has no {path.name}: fetch the whole model again, or "
            "name another folder."
        ) from error
    except OSError as error:
        raise ModelDamagedError(
            f"{path} cannot be read ({why_not(error)}): make it readable for this user, or "
            "fetch the model again."
        ) from error
    except (ValueError, RecursionError) as error:
        raise ModelDamagedError(
            f"{path} cannot be read ({error}): fetch the model again."
        ) from error
