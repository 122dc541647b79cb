"""Make the engines of one route: build the network, convert it, keep what was converted."""

from __future__ import annotations

import random
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Tokenizer

from encoder.batching.batches import Engine, Item, Vectors, make_batch
from encoder.batching.streams import stream
from encoder.batching.tokens import Tokens, load_tokenizer, read_tokenizer
from encoder.engines import openvino_engine
from encoder.engines.openvino_engine import OpenVinoEngine
from encoder.errors import EncoderError
from encoder.forks import computed
from encoder.model.modules import Route, StaticSpec, max_length
from encoder.selection.cache import building, told
from encoder.selection.candidates import Candidate
from encoder.selection.convert import convert, quantise
from encoder.selection.preparation import Preparation
from tandem.base.process.running import threads

if TYPE_CHECKING:
    from encoder.engines.network import Network

# A conversion that moves float32 vectors more than this went wrong: it changes about 1e-7.
CONVERTED_WELL = 0.99999
# The norm of a vector is taken as at least this, as torch's own normalize does.
SMALLEST_NORM = 1e-12
SAMPLES = 300
SAMPLE_WORDS = (8, 120)
_TOKENIZER = "tokenizer.json"


class EngineFactory:
    """Makes engines for one route; what is expensive is made once, and only when it is needed.

    folder: where converted forms are kept.
    """

    def __init__(self, route: Route, folder: Path, preparation: Preparation) -> None:
        self._route = route
        self._folder = folder
        self._preparation = preparation

    def tokens(self, prompt: str) -> Tokens:
        """The tokenizer, with a prompt that goes before each text."""
        return Tokens(self._tokenizer, self._route, prompt)

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        """From the cache where it is there: that saves the import of torch."""
        kept = self._folder / _TOKENIZER
        return read_tokenizer(kept) if kept.exists() else load_tokenizer(self._route.first)

    @cached_property
    def _network(self) -> Network:
        from encoder.engines.network import build

        return build(self._route)

    @cached_property
    def _reference(self) -> Vectors:
        """float32 [texts, dim]: vectors of the check texts by torch in float32."""
        return self.check(self.engine(Candidate("torch", "float32")))

    def check(self, engine: Engine) -> Vectors:
        """float32 [texts, dim]: an engine's vectors of the check texts, as `many` gives them."""
        return np.stack(list(stream(check_texts(), self.tokens(""), engine)))

    def agreement(self, engine: Engine) -> float:
        """The least cosine of an engine's vectors to torch's in float32, over the check texts."""
        return _least_cosine(self.check(engine), self._reference)

    def engine(self, candidate: Candidate) -> Engine:
        """An engine; raises EncoderError where it cannot run here."""
        return computed(lambda: self._made(candidate))

    def _made(self, candidate: Candidate) -> Engine:
        # A table's rows are read and added up: nothing that another backend does faster.
        if candidate.backend == "torch" or isinstance(self._route.first, StaticSpec):
            return self._torch(candidate)
        openvino_engine.require()
        return self._openvino(self._converted(candidate.precision), candidate.precision)

    def _openvino(self, folder: Path, precision: str) -> OpenVinoEngine:
        return OpenVinoEngine(folder, precision, threads(), max_length(self._route.first))

    def processes(self, precision: str, devices: list[str]) -> Engine:
        """An engine of several devices; raises EncoderError where one of them cannot run."""
        from encoder.engines.processes import ProcessesEngine

        return ProcessesEngine(self._route, devices, precision)

    def _torch(self, candidate: Candidate) -> Engine:
        import torch

        from encoder.engines.network import build
        from encoder.engines.torch_engine import TorchEngine

        if isinstance(self._route.first, StaticSpec):
            return TorchEngine(self._network, "cpu", torch.float32, threads())
        # A network is moved and converted in place, so the reference keeps its own.
        plain = candidate.precision == "float32" and candidate.device == "cpu"
        network = self._network if plain else build(self._route)
        dtype = getattr(torch, candidate.precision)
        return TorchEngine(network, candidate.device, dtype, threads())

    def _converted(self, precision: str) -> Path:
        """The folder of the converted model, made where it is not there yet."""
        kind = "int8" if precision == "int8" else "float32"
        target = self._folder / f"openvino-{openvino_engine.version()}-{kind}"
        if target.is_dir():
            return target
        with told(target), building(target) as folder:
            if kind == "float32":
                with self._preparation.step("convert"):
                    convert(self._route, folder)
                    self._check(folder)
            else:
                source = self._converted("float32")
                with self._preparation.step("quantise"):
                    quantise(source, self.tokens("").ids(sample_texts()), folder)
            self._keep_tokenizer()
        return target

    def _check(self, folder: Path) -> None:
        engine = self._openvino(folder, "float32")
        cosines = [self.agreement(engine)]
        for row, ids in enumerate(self.tokens("").ids(check_texts())):
            if engine.is_short(len(ids)):
                alone = engine.one(make_batch([Item(0, ids)]))
                cosines.append(_least_cosine(alone, self._reference[[row]]))
        found = min(cosines)
        if found < CONVERTED_WELL:
            raise EncoderError(
                f"OpenVINO's form of this model gives other vectors than torch (least cosine "
                f"{found:.5f}, and it must be {CONVERTED_WELL}): use `backend='torch'`."
            )

    def _keep_tokenizer(self) -> None:
        kept = self._folder / _TOKENIZER
        if not kept.exists():
            self._tokenizer.save(str(kept))


def _least_cosine(found: Vectors, reference: Vectors) -> float:
    """Over the rows of both, float32 [texts, dim]; 0 where a number is not finite."""
    norms = np.linalg.norm(found, axis=1) * np.linalg.norm(reference, axis=1)
    cosines = (found * reference).sum(1) / np.maximum(norms, SMALLEST_NORM)
    return float(cosines.min()) if np.isfinite(cosines).all() else 0.0


def check_texts() -> list[str]:
    """Texts on which ways of running a model are compared: short and long, of several languages."""
    lines = files("encoder.selection").joinpath("check_texts.txt").read_text("utf-8").splitlines()
    # The longest must reach the length at which models cut off.
    return [*lines, " ".join(lines)]


def sample_texts() -> list[str]:
    """More texts, cut from the check texts, to learn from what values a model's layers give."""
    dice = random.Random(1)
    texts = check_texts()
    words = texts[-1].split()
    while len(texts) < SAMPLES:
        start = dice.randrange(len(words))
        texts.append(" ".join(words[start : start + dice.randint(*SAMPLE_WORDS)]))
    return texts
