"""The Rust tokenizer of a model: texts to token ids in bulk, counted, cut off, or placed."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from encoder.errors import EncoderError, ModelDamagedError, ModelRefusedError
from encoder.model.modules import (
    UNLIMITED,
    InputSpec,
    Route,
    StaticSpec,
    TransformerSpec,
    max_length,
)
from tandem.base.errors import one_line

# Any of these, or transformers makes a tokenizer that knows no words.
# The largest vocabularies of models have a tenth of it.
_MOST_TOKENS = 5_000_000
_VOCABULARIES = ("tokenizer.json", "vocab.*", "*.model", "*.tiktoken")


class Tokens:
    """The tokenizer of one route, with the prompt that goes before each text.

    max_length: most tokens of a text with its prompt and special tokens; room: most tokens of a
    text's own; left_out: how many tokens at the beginning are not pooled.
    """

    def __init__(self, tokenizer: Tokenizer, route: Route, prompt: str) -> None:
        self.prompt = prompt
        self.max_length = max_length(route.first)
        self._special = isinstance(route.first, TransformerSpec)
        tokenizer.no_truncation()
        tokenizer.no_padding()
        around = tokenizer.encode(prompt, add_special_tokens=self._special)
        self.room = self.max_length - len(around.ids)
        if self.room < 1:
            raise ModelRefusedError(
                f"the model reads {self.max_length} tokens of a text and {len(around.ids)} go to "
                f"special tokens and the prompt {prompt!r}, so nothing of any text would be read: "
                "correct max_seq_length in the model's settings, or give a shorter prompt."
            )
        if self.max_length < UNLIMITED:
            tokenizer.enable_truncation(self.max_length)
        self._cut = tokenizer
        ends_special = bool(around.ids) and around.special_tokens_mask[-1] == 1
        drops = bool(prompt) and not route.include_prompt
        self.left_out = len(around.ids) - ends_special if drops else 0

    @cached_property
    def _whole(self) -> Tokenizer:
        """One of its own to count with, for truncation is part of a tokenizer's state.

        Whoever only searches needs none.
        """
        whole = Tokenizer.from_str(self._cut.to_str())
        whole.no_truncation()
        return whole

    def ids(self, texts: Sequence[str], first: int = 0) -> list[list[int]]:
        """Token ids of each text as encoded, cut off at max_length.

        first: what errors call the first of them. Raises EncoderError for a text that is no string,
        or holds half a surrogate pair.
        """
        return [each.ids for each in self._encoded(self._cut, texts, first)]

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text as encoded, not cut off; the same errors."""
        return [len(each.ids) for each in self._encoded(self._whole, texts)]

    def spans(self, text: str) -> list[tuple[int, int]]:
        """The characters that each token of the text alone stands for."""
        try:
            return list(self._whole.encode(text, add_special_tokens=False).offsets)
        except TypeError as error:
            raise _not_text([text]) from error

    def _encoded(self, tokenizer: Tokenizer, texts: Sequence[str], first: int = 0) -> list[Any]:
        try:
            prompted = [self.prompt + text for text in texts] if self.prompt else list(texts)
            return tokenizer.encode_batch_fast(prompted, add_special_tokens=self._special)
        except TypeError as error:
            raise _not_text(texts, first) from error


def _not_text(texts: Sequence[str], first: int = 0) -> EncoderError:
    """The sentence for the first text that the tokenizer does not take."""
    for number, text in enumerate(texts, first):
        if not isinstance(text, str):
            return EncoderError(
                f"text {number} is of type {type(text).__name__} and must be a string: give a list "
                "of strings."
            )
        try:
            text.encode()
        except UnicodeEncodeError as error:
            return EncoderError(
                f"text {number} has half a surrogate pair at character {error.start}, which is no "
                "character: mend or remove it."
            )
    return EncoderError("the texts are no list of strings: give a list of strings.")


def load_tokenizer(spec: InputSpec) -> Tokenizer:
    """The model's tokenizer as transformers makes it, converted to the Rust one if need be.

    Raises ModelDamagedError where its files are missing or broken.
    """
    if isinstance(spec, StaticSpec):
        return read_tokenizer(spec.folder / "tokenizer.json")
    if not any(found for pattern in _VOCABULARIES for found in spec.folder.glob(pattern)):
        raise ModelDamagedError(
            f"the model folder {spec.folder} has no tokenizer (tokenizer.json, or the vocabulary "
            "of an older one): fetch the whole model again."
        )
    from transformers import AutoTokenizer

    try:
        loaded = AutoTokenizer.from_pretrained(str(spec.folder), trust_remote_code=False)
        _check_numbers(loaded.get_vocab().values())
        tokenizer: Tokenizer = Tokenizer.from_str(loaded.backend_tokenizer.to_str())
    except Exception as error:  # tokenizers raises plain Exception
        raise ModelDamagedError(
            f"the tokenizer in {spec.folder} cannot be loaded ({one_line(error)}): fetch the model "
            "again."
        ) from error
    if spec.lower_case and not _lowers(json.loads(tokenizer.to_str())["normalizer"]):
        _lower(tokenizer)
    return tokenizer


def _check_numbers(numbers: Collection[int]) -> None:
    """Raise ValueError for the number of a token beyond all use: tokenizers counts up to it."""
    if (largest := max(numbers, default=0)) > _MOST_TOKENS:
        raise ValueError(f"a token has the number {largest:,}")


def read_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer in a tokenizer.json; raises ModelDamagedError."""
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises plain Exception
        raise ModelDamagedError(
            f"the tokenizer {path} cannot be read ({one_line(error)}): fetch the model again."
        ) from error


def _lowers(normalizer: dict[str, Any] | None) -> bool:
    return any(
        each["type"] == "Lowercase" or (each["type"] == "BertNormalizer" and each["lowercase"])
        for each in _parts(normalizer)
    )


def _parts(normalizer: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    if normalizer and normalizer["type"] == "Sequence":
        for each in normalizer["normalizers"]:
            yield from _parts(each)
    elif normalizer:
        yield normalizer


def _lower(tokenizer: Tokenizer) -> None:
    from tokenizers.normalizers import Lowercase, Sequence

    present = tokenizer.normalizer
    steps = [] if present is None else [present]
    tokenizer.normalizer = Sequence([Lowercase(), *steps])
