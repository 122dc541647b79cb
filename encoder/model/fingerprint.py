"""A digest of everything that decides a vector, so that vectors of two models are never mixed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

from encoder.model.modules import ModelSpec, Route, max_length
from encoder.model.schema import read_json

# Raised when the same files would give other vectors than an older Tandem made of them.
FORMAT = 1
DIGITS = 32
# Settings that say where a model came from, or how it is stored, and change no vector.
_IDLE_KEYS = frozenset(
    {"_name_or_path", "name_or_path", "transformers_version", "torch_dtype", "dtype"}
    | {"special_tokens_map_file", "tokenizer_file", "use_cache", "gradient_checkpointing"}
)
_TOKENIZER_EXTRAS = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
_VOCABULARIES = ("vocab.*", "merges.txt", "*.model", "*.tiktoken")
_CHUNK = 1 << 20


def fingerprint(model_spec: ModelSpec) -> str:
    """Hexadecimal digest over weights, tokenizers, modules, prompts, lengths and truncation.

    Where the folder lies and how its JSON is laid out do not matter. Raises OSError, and
    ModelDamagedError for broken JSON.
    """
    digest = hashlib.sha256()
    said = {
        "format": FORMAT,
        "prompts": [model_spec.query_prompt, model_spec.passage_prompt],
        "truncate_dim": model_spec.truncate_dim,
        "routes": [_described(r, model_spec.folder) for r in _routes(model_spec)],
    }
    digest.update(_canonical(said))
    for folder in _folders(model_spec):
        for path in _files(folder):
            digest.update(f"{path.relative_to(model_spec.folder)}\0".encode())
            _feed(digest, path)
    return digest.hexdigest()[:DIGITS]


def varied(base: str, precision: str) -> str:
    """The fingerprint of an encoder whose precision changes its vectors noticeably."""
    return hashlib.sha256(f"{base}:{precision}".encode()).hexdigest()[:DIGITS]


def _routes(model_spec: ModelSpec) -> list[Route]:
    return [model_spec.queries, model_spec.passages]


def _described(route: Route, root: Path) -> dict[str, Any]:
    return {
        "modules": [_plain(spec, root) for spec in (route.first, *route.later)],
        "max_length": max_length(route.first),
    }


def _plain(spec: Any, root: Path) -> dict[str, Any]:
    """A spec as JSON, its folder relative to the model's."""
    found = asdict(spec) if is_dataclass(spec) and not isinstance(spec, type) else {}
    if "folder" in found:
        found["folder"] = str(found["folder"].relative_to(root))
    found["is"] = type(spec).__name__
    # The length that holds is hashed beside it, wherever it was declared.
    found.pop("declared_length", None)
    return found


def _folders(model_spec: ModelSpec) -> list[Path]:
    """The folders of all modules, each once, in the order of the routes."""
    specs = [spec for route in _routes(model_spec) for spec in (route.first, *route.later)]
    named = [spec for spec in specs if any(each.name == "folder" for each in fields(spec))]
    return list(dict.fromkeys(spec.folder for spec in named))  # type: ignore[union-attr]


def _files(folder: Path) -> Iterator[Path]:
    """What is read of a module's folder."""
    yield from (path for path in (folder / "config.json",) if path.exists())
    whole = folder / "tokenizer.json"
    if whole.exists():
        yield whole
    else:
        yield from sorted(path for pattern in _VOCABULARIES for path in folder.glob(pattern))
    yield from (folder / name for name in _TOKENIZER_EXTRAS if (folder / name).exists())
    weights = sorted(folder.glob("*.safetensors")) or sorted(folder.glob("pytorch_model*.bin"))
    yield from weights


def _feed(digest: Any, path: Path) -> None:
    if path.suffix == ".json" and path.name != "tokenizer.json":
        digest.update(_canonical(_without_idle(read_json(path))))
        return
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)


def _without_idle(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_idle(each) for key, each in value.items() if key not in _IDLE_KEYS}
    return value


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False).encode()
