"""A cross-encoder: a query and a passage in together, one score out; for reranking a few hits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
from tokenizers import Tokenizer

from encoder.batching.batches import Batch, Item, Pool, Vectors, make_batch
from encoder.batching.tokens import load_tokenizer, read_tokenizer
from encoder.engines.scoring import Scoring
from encoder.errors import EncoderError, ModelRefusedError
from encoder.forks import computed
from encoder.model.locate import canonical, locate
from encoder.model.modules import UNLIMITED, TransformerSpec, max_length, read_config
from encoder.selection.candidates import best_device
from tandem.base.arguments import as_list, checked_arguments

BUDGET = 4096
# What a model in a file of ONNX reads where its tokenizer does not say.
USUAL_LENGTH = 512


class _Model(NamedTuple):
    """A tokenizer, the most tokens that are read, and what scores batches."""

    tokenizer: Tokenizer
    length: int
    scoring: Scoring


class CrossEncoder:
    """A loaded cross-encoder. Use `CrossEncoder.load`; safe to share among threads.

    name: as canonical as an encoder's.
    """

    def __init__(self, name: str, model: _Model, template: str | None) -> None:
        self.name = name
        self._template = template
        self._tokenizer, length, self._scoring = model
        self._tokenizer.no_padding()
        if length < UNLIMITED:
            self._tokenizer.enable_truncation(length)

    @classmethod
    @checked_arguments(EncoderError)
    def load(
        cls, model: str | Path, *, device: str | None = None, template: str | None = None
    ) -> CrossEncoder:
        """Load a model by its name on the hub, by its folder, or by a file that ends in .onnx.

        Beside such a file lies its tokenizer.json; OpenVINO runs it, on the processor. device:
        "cpu", "cuda", "mps", None for the best there is. template: how a query and a passage become
        one text, as "Query: {query} Passage: {passage}", for a model that was trained on one text
        and not on a pair. Raises EncoderError.
        """
        _check_template(template)
        if str(model).endswith(".onnx"):
            file = Path(model).expanduser().resolve()
            return cls(str(file), _of_onnx(file, template), template)
        return cls(canonical(model), _of_folder(model, device, template), template)

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a CrossEncoder holds a loaded model and cannot be pickled: give its name to the "
            "process that reranks, and call CrossEncoder.load there."
        )

    def score(self, query: str, passages: Iterable[str]) -> Vectors:
        """How well each passage answers the query: float32 [n], higher is better; [0] for none.

        A model with one label gives its score as sentence-transformers does; of two labels, the
        probability of the second is given. Raises EncoderError for a text that is no string, and
        for NaN in the model's output.
        """
        pairs = [(query, each) for each in as_list("passages", passages, EncoderError)]
        return self._finite(self._scoring.activate(self.log_odds(pairs)))

    def log_odds(self, pairs: Sequence[tuple[str, str]]) -> Vectors:
        """The model's own numbers for pairs of a query and a passage: float32 [n]; [0] for none.

        The logit of a model with one label, of two the second's less the first's: log-odds, where
        it was trained to tell relevant passages. Texts of like length are scored together. Raises
        EncoderError as `score` does.
        """
        encoded = self._encoded(pairs)
        pool = Pool(BUDGET)
        for number, each in enumerate(encoded):
            pool.add(Item(number, each.ids))
        scores = np.zeros(len(pairs), np.float32)
        while pool:
            batch = make_batch(pool.take())
            kinds = make_batch([Item(n, encoded[n].type_ids) for n in batch.numbers])
            scores[list(batch.numbers)] = self._run(batch, kinds)
        return scores

    def _encoded(self, pairs: Sequence[tuple[str, str]]) -> list[Any]:
        try:
            if self._template is None:
                return self._tokenizer.encode_batch_fast(list(pairs))
            texts = [self._template.format(query=query, passage=p) for query, p in pairs]
            return self._tokenizer.encode_batch_fast(texts)
        except TypeError as error:
            raise EncoderError(
                "the query or a passage is no string, or holds half a surrogate pair: give strings."
            ) from error

    def _run(self, batch: Batch, kinds: Batch) -> Vectors:
        return self._finite(self._scoring.run(batch.ids, batch.mask, kinds.ids))

    def _finite(self, scores: Vectors) -> Vectors:
        if not np.isfinite(scores).all():
            raise EncoderError(f"the cross-encoder {self.name} gives NaN: use another model.")
        return scores


def _check_template(template: str | None) -> None:
    if template is None:
        return
    try:
        written = template.format(query="<query>", passage="<passage>")
    except (KeyError, ValueError, IndexError, AttributeError):
        written = ""
    if not ("<query>" in written and "<passage>" in written):
        raise EncoderError(
            f"the template {template!r} does not say where the query and the passage go: write "
            "{query} and {passage}, and braces twice where they are meant."
        )


def _check_length(name: str, tokenizer: Tokenizer, length: int, template: str | None) -> None:
    special = tokenizer.num_special_tokens_to_add(template is None)
    if length <= special:
        raise ModelRefusedError(
            f"{name} reads {length} tokens and {special} of them are special, so nothing of "
            "any text would be read: correct max_position_embeddings or model_max_length in "
            "its settings."
        )


def _of_folder(model: str | Path, device: str | None, template: str | None) -> _Model:
    from encoder.engines.cross_network import build

    folder = locate(model)
    architecture = (read_config(folder).architectures or [""])[0]
    if not architecture.endswith("ForSequenceClassification"):
        raise ModelRefusedError(
            f"{model} is no cross-encoder (its architecture is {architecture or 'unknown'}): "
            "name a model for sequence classification, such as "
            "cross-encoder/ms-marco-MiniLM-L6-v2."
        )
    spec = TransformerSpec(folder)
    tokenizer, length = load_tokenizer(spec), max_length(spec)
    # Before the weights, which take long.
    _check_length(canonical(model), tokenizer, length, template)
    scoring = computed(lambda: build(folder, device or best_device()))
    return _Model(tokenizer, length, scoring)


def _of_onnx(file: Path, template: str | None) -> _Model:
    from encoder.engines.cross_onnx import build

    scoring = build(file)
    tokenizer = read_tokenizer(file.with_name("tokenizer.json"))
    length = int((tokenizer.truncation or {}).get("max_length", USUAL_LENGTH))
    _check_length(str(file), tokenizer, length, template)
    return _Model(tokenizer, length, scoring)
