"""The encoder: texts in, unit vectors out, by any sentence-transformers or Hugging Face model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any, NoReturn

import numpy as np

from encoder.batching.batches import Batch, Item, Vectors, make_batch, split
from encoder.batching.streams import stream
from encoder.errors import EncoderError, ModelDamagedError
from encoder.model.fingerprint import fingerprint, varied
from encoder.model.folder import read_model_spec
from encoder.model.locate import canonical, locate
from encoder.model.modules import ModelSpec
from encoder.selection.build import SMALLEST_NORM
from encoder.selection.candidates import INT8, EngineOptions, SelectedEngine
from encoder.selection.measure import Model, ModelRunner
from encoder.selection.preparation import OnStep, Preparation
from tandem.base.arguments import as_list, checked_arguments
from tandem.base.errors import one_line
from tandem.base.process.memory import lacks_memory
from tandem.base.process.running import Backend, Precision
from tandem.base.vectors import Vector

# Fewer tokens than this are not shared out among the cores: small batches cost more a token.
SMALLEST_SHARE = 128


class Encoder:
    """A loaded model. Use `Encoder.load`; safe to share among threads and with forked processes.

    name: what an index records; fingerprint: hexadecimal digest of everything that decides a
    vector; dim: length of one vector; settings: the options of `load` that change vectors; notes:
    what a user should know of the model.
    """

    def __init__(
        self,
        name: str,
        fingerprint: str,
        settings: Mapping[str, Any],
        model: Model,
        runner: ModelRunner,
        model_spec: ModelSpec,
    ) -> None:
        self.name, self.fingerprint, self.settings = name, fingerprint, settings
        self.notes = model_spec.notes
        self._model = model
        # The model itself tells, whatever its settings say.
        probe = make_batch([Item(0, runner.tokens.ids(["dimension"])[0])])
        self._full_dim = _width(runner, probe, model_spec)
        self.dim = self._full_dim if model_spec.truncate_dim is None else model_spec.truncate_dim
        if not 1 <= self.dim <= self._full_dim:
            raise EncoderError(
                f"`truncate_dim` is {self.dim} and {name} gives {self._full_dim} dimensions: "
                f"give a number from 1 to {self._full_dim}."
            )

    @classmethod
    @checked_arguments(EncoderError)
    def load(
        cls,
        model: str | Path,
        *,
        backend: Backend | None = None,
        precision: Precision | None = None,
        device: str | None = None,
        truncate_dim: int | None = None,
        query_prompt: str | None = None,
        passage_prompt: str | None = None,
        only_queries: bool = False,
        recorded: bool = False,
        on_progress: OnStep | None = None,
    ) -> Encoder:
        """Load a model by its name on the hub or by its folder.

        backend: "torch" or "openvino"; precision: "float32", "bfloat16", "float16" or "int8";
        device: "cpu", "cuda", "cuda:1", "mps", or several, "cuda:0,cuda:1", with a process each;
        what is None is chosen: the fastest that keeps the cosine to float32 at least 0.9999 on this
        machine, measured once and remembered.
        truncate_dim: keep the first components only; query_prompt, passage_prompt: put before each
        text, None for the model's own; only_queries: open what encodes passages when it is first
        needed; recorded: an index names the model, so it must be a plain name of one that is on
        this machine; on_progress: called with what takes longer, which is a warning where it is
        None. Raises EncoderError.
        """
        prompts = {"query_prompt": query_prompt, "passage_prompt": passage_prompt}
        asked = {"truncate_dim": truncate_dim, **prompts}
        settings: dict[str, Any] = {n: value for n, value in asked.items() if value is not None}
        model_spec = replace(read_model_spec(locate(model, recorded=recorded)), **settings)
        digest = fingerprint(model_spec)
        options = EngineOptions(backend, precision, device)
        opened = Model(model_spec, digest, options, Preparation(on_progress))
        runner = opened.queries if only_queries else opened.passages
        if precision == INT8 or (precision is not None and opened.choice.changes):
            settings["precision"] = precision
            digest = varied(digest, precision)
        return cls(canonical(model), digest, settings, opened, runner, model_spec)

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "an Encoder holds a loaded model and cannot be pickled: give its name to the process "
            "that encodes, and call Encoder.load there."
        )

    @property
    def choice(self) -> SelectedEngine:
        """What runs passages here, and what was measured."""
        return self._model.choice

    @property
    def preparation(self) -> Mapping[str, float]:
        """What was done once a model on this machine, and the seconds of each; empty if nothing."""
        return self._model.preparation.seconds

    @property
    def max_length(self) -> int:
        """Most tokens of a passage, special tokens and prompt included."""
        return self._model.passages.tokens.max_length

    @property
    def passage_room(self) -> int:
        """Most tokens of a passage's own text."""
        return self._model.passages.tokens.room

    def encode_passages(self, texts: Iterable[str]) -> Vectors:
        """Unit vectors of passages: float32 [n, dim]; [0, dim] for no texts.

        Raises EncoderError for a text that is no string, and for NaN in the model's output.
        """
        return self._encode(self._model.passages, texts)

    def encode_queries(self, texts: Iterable[str]) -> Vectors:
        """Unit vectors of queries: float32 [n, dim]; [0, dim] for no texts; the same errors."""
        return self._encode(self._model.queries, texts)

    def stream_passages(
        self, texts: Iterable[str], stopping: Event | None = None
    ) -> Iterator[Vector]:
        """Unit vectors, float32 [dim] each, lazily and in the order of the texts.

        Once it is stopping, nothing more is encoded: what is there still comes, with an empty
        vector, float32 [0], for each text in between that has none.

        A text without tokens may give zeros, and a damaged model NaN: who stores them must look.
        Raises EncoderError for a text that is no string.
        """
        if isinstance(texts, str | bytes):
            as_list("texts", texts, EncoderError)
        runner = self._model.passages
        found = stream(texts, runner.tokens, runner.engine, stopping)
        return (self._unit(each[None])[0] for each in found)

    def count_tokens(self, texts: Iterable[str]) -> list[int]:
        """Tokens of each passage as encoded, special tokens and prompt included, not cut off."""
        return self._model.passages.tokens.count(as_list("texts", texts, EncoderError))

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """The characters that each token of the text alone stands for."""
        return self._model.passages.tokens.spans(text)

    def _encode(self, runner: ModelRunner, given: Iterable[str]) -> Vectors:
        texts = as_list("texts", given, EncoderError)
        found = np.zeros((len(texts), self._full_dim), np.float32)
        if len(texts) <= runner.engine.few:
            _encode_few(runner, texts, found)
        else:
            for row, vector in enumerate(stream(texts, runner.tokens, runner.engine)):
                found[row] = vector
        bad = np.flatnonzero(~np.isfinite(found).all(1))
        if len(bad):
            raise EncoderError(
                f"the model {self.name} gives NaN or infinite numbers for text {bad[0]}: use "
                "`precision='float32'`, or another model."
            )
        return self._unit(found)

    def _unit(self, vectors: Vectors) -> Vectors:
        """Cut to dim, then made unit length; a zero vector stays zero."""
        kept = vectors[:, : self.dim]
        norms = np.linalg.norm(kept, axis=1, keepdims=True)
        unit: Vectors = kept / np.maximum(norms, SMALLEST_NORM)
        return unit


def _width(runner: ModelRunner, probe: Batch, model_spec: ModelSpec) -> int:
    """How many numbers a vector has; ModelDamagedError where modules do not fit together."""
    try:
        return int(runner.engine.one(probe).shape[1])
    except RuntimeError as error:
        if lacks_memory(error):
            raise
        said = one_line(error)
        raise ModelDamagedError(
            f"the modules of the model in {model_spec.folder} do not fit together ({said}): fetch "
            "the model again, or correct its settings."
        ) from error


def _encode_few(runner: ModelRunner, texts: Sequence[str], found: Vectors) -> None:
    """Fill the rows of `found` at once, in batches that keep every worker busy."""
    engine, tokens = runner.engine, runner.tokens
    items = [Item(number, ids) for number, ids in enumerate(tokens.ids(texts))]
    share = sum(len(item.ids) for item in items) // engine.at_once
    most = min(engine.budget, max(SMALLEST_SHARE, share))
    batches = [make_batch(each, tokens.left_out) for each in split(items, most)]
    for batch, vectors in zip(batches, engine.together(batches), strict=True):
        found[list(batch.numbers)] = vectors
