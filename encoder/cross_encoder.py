"""A cross-encoder: a query and a passage in together, one score out; for reranking a few hits."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

import numpy as np

from encoder.batching.batches import Batch, Item, Pool, Vectors, make_batch
from encoder.batching.tokens import load_tokenizer
from encoder.errors import EncoderError, ModelRefusedError
from encoder.forks import computed
from encoder.model.locate import canonical, locate
from encoder.model.modules import UNLIMITED, TransformerSpec, max_length, read_config
from encoder.selection.candidates import best_device
from tandem.base.arguments import as_list, known_options

BUDGET = 4096


class CrossEncoder:
    """A loaded cross-encoder. Use `CrossEncoder.load`; safe to share among threads.

    name: as canonical as an encoder's.
    """

    def __init__(self, name: str, folder: Path, device: str) -> None:
        from encoder.engines.cross_network import build

        self.name = name
        spec = TransformerSpec(folder)
        self._tokenizer = load_tokenizer(spec)
        self._tokenizer.no_padding()
        length, special = max_length(spec), self._tokenizer.num_special_tokens_to_add(True)
        if length <= special:
            raise ModelRefusedError(
                f"{name} reads {length} tokens and {special} of them are special, so nothing of "
                "any text would be read: correct max_position_embeddings or model_max_length in "
                "its settings."
            )
        if length < UNLIMITED:
            self._tokenizer.enable_truncation(length)
        self._run = computed(lambda: build(folder, device))

    @classmethod
    @known_options(EncoderError)
    def load(cls, model: str | Path, *, device: str | None = None) -> CrossEncoder:
        """Load a model by its name on the hub or by its folder.

        device: "cpu", "cuda", "mps", None for the best there is. Raises EncoderError.
        """
        folder = locate(model)
        architecture = (read_config(folder).architectures or [""])[0]
        if not architecture.endswith("ForSequenceClassification"):
            raise ModelRefusedError(
                f"{model} is no cross-encoder (its architecture is {architecture or 'unknown'}): "
                "name a model for sequence classification, such as "
                "cross-encoder/ms-marco-MiniLM-L6-v2."
            )
        return cls(canonical(model), folder, device or best_device())

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
        passages = as_list("passages", passages, EncoderError)
        try:
            encoded = self._tokenizer.encode_batch_fast([(query, each) for each in passages])
        except TypeError as error:
            raise EncoderError(
                "the query or a passage is no string, or holds half a surrogate pair: give strings."
            ) from error
        pool = Pool(BUDGET)
        for number, each in enumerate(encoded):
            pool.add(Item(number, each.ids))
        scores = np.zeros(len(passages), np.float32)
        while pool:
            batch = make_batch(pool.take())
            kinds = make_batch([Item(n, encoded[n].type_ids) for n in batch.numbers])
            scores[list(batch.numbers)] = self._checked(batch, kinds)
        return scores

    def _checked(self, batch: Batch, kinds: Batch) -> Vectors:
        found = self._run(batch.ids, batch.mask, kinds.ids)
        if not np.isfinite(found).all():
            raise EncoderError(f"the cross-encoder {self.name} gives NaN: use another model.")
        return found
