"""From options to engines: measure the ways to run a model, once on each machine, and take one."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from encoder.batching.batches import Engine
from encoder.batching.tokens import Tokens
from encoder.engines import openvino_engine
from encoder.errors import EncoderError
from encoder.forks import in_each_child
from encoder.model.modules import ModelSpec, StaticSpec
from encoder.selection.build import EngineFactory, check_texts
from encoder.selection.cache import NotKeptError, cache_folder, read_notes, write_notes
from encoder.selection.candidates import (
    Candidate,
    EngineOptions,
    Measured,
    SelectedEngine,
    best_device,
    candidates,
    choose,
    from_notes,
    to_notes,
)
from encoder.selection.preparation import Preparation
from tandem.base.errors import one_line

ROUNDS = 2
_NOTES = "measured.json"
# Needs no measuring where it is all that was asked for.
_REFERENCE = Candidate("torch", "float32")


@contextmanager
def _compiling(engine: Engine) -> Iterator[None]:
    """Meanwhile an engine of OpenVINO compiles, for which it does not hold Python's lock."""
    if not isinstance(engine, openvino_engine.OpenVinoEngine):
        yield
        return
    with ThreadPoolExecutor(1) as beside:
        # What it raises is raised again by who first needs what it compiles.
        beside.submit(engine.compile_one)
        yield


@dataclass(frozen=True)
class ModelRunner:
    """What a text goes through: the tokenizer with its prompt, and the engine."""

    tokens: Tokens
    engine: Engine


class Model:
    """The two runners of one model on this machine, each opened when it is first needed.

    Passages go the fastest way that was asked for. Queries are few, so they are encoded in float32
    whatever the passages are: that halves what a lower precision costs in quality, and a process
    that only searches needs to measure and quantise nothing.
    """

    def __init__(
        self,
        model_spec: ModelSpec,
        fingerprint: str,
        options: EngineOptions,
        preparation: Preparation,
    ) -> None:
        self._model_spec, self._options = model_spec, options.of_one
        self.preparation = preparation
        # One query keeps no more than one device busy.
        self._device = self._options.device or best_device()
        self._devices = options.devices
        self._folder = cache_folder() / fingerprint
        self._lock = threading.RLock()
        in_each_child(self, Model._renew_lock)
        self._choice: SelectedEngine | None = None
        self._runners: dict[str, ModelRunner] = {}
        # One engine for both runners where it is the same.
        self._engines: dict[tuple[str, Candidate], Engine] = {}

    def _renew_lock(self) -> None:
        """In a forked process, where a thread of the parent may have been opening a runner."""
        self._lock = threading.RLock()

    @property
    def choice(self) -> SelectedEngine:
        """What runs passages; raises EncoderError where nothing that was asked for can."""
        return self._choice or self._open_passages()[1]

    @property
    def passages(self) -> ModelRunner:
        """The runner of passages; raises EncoderError."""
        return self._runners.get("passages") or self._open_passages()[0]

    @property
    def queries(self) -> ModelRunner:
        """The runner of queries; raises EncoderError."""
        return self._runners.get("queries") or self._open_queries()

    def _open_passages(self) -> tuple[ModelRunner, SelectedEngine]:
        with self._lock:
            if self._choice is None:
                factory = self._factory("passages")
                choice = choose(self._options, self._measured(factory))
                several = len(self._devices) > 1
                engine = (
                    factory.processes(choice.taken.precision, self._devices)
                    if several
                    else self._engine(factory, "passages", choice.taken)
                )
                tokens = factory.tokens(self._model_spec.passage_prompt)
                self._runners["passages"] = ModelRunner(tokens, engine)
                self._choice = choice
            return self._runners["passages"], self._choice

    def _open_queries(self) -> ModelRunner:
        with self._lock:
            if "queries" not in self._runners:
                same = self._model_spec.queries == self._model_spec.passages
                route = "passages" if same else "queries"
                factory = self._factory(route)
                engine = self._exact(factory, route)
                with _compiling(engine):
                    tokens = factory.tokens(self._model_spec.query_prompt)
                self._runners["queries"] = ModelRunner(tokens, engine)
            return self._runners["queries"]

    def _factory(self, route: str) -> EngineFactory:
        spec = getattr(self._model_spec, route)
        return EngineFactory(spec, self._folder / route, self.preparation)

    def _engine(self, factory: EngineFactory, route: str, candidate: Candidate) -> Engine:
        key = (route, candidate)
        if key not in self._engines:
            self._engines[key] = factory.engine(candidate)
        return self._engines[key]

    def _exact(self, factory: EngineFactory, route: str) -> Engine:
        """The engine of float32; OpenVINO's where that was not excluded and works here."""
        torch = Candidate("torch", "float32", self._device)
        if (
            self._device != "cpu"
            or self._options.backend == "torch"
            or not openvino_engine.present()
        ):
            return self._engine(factory, route, torch)
        try:
            return self._engine(factory, route, Candidate("openvino", "float32"))
        except EncoderError as error:
            if self._options.backend == "openvino":
                raise
            _warn_of(error)
            return self._engine(factory, route, torch)

    def _measured(self, factory: EngineFactory) -> list[Measured]:
        """Measurements of all candidates that were asked for, from the notes or made now."""
        if isinstance(self._model_spec.passages.first, StaticSpec):
            # One table, one way to read it.
            return [Measured(Candidate(self._options.backend or "torch", "float32"), 1.0, 1.0)]
        notes = self._folder / _NOTES
        known = {each.candidate: each for each in from_notes(read_notes(notes))}
        wanted = [each for each in candidates(self._device) if self._options.allows(each)]
        missing = [each for each in wanted if each not in known]
        if wanted == missing == [_REFERENCE]:
            return [Measured(_REFERENCE, 1.0, 1.0)]
        if missing:
            with self.preparation.step("measure"):
                known |= {each: _measure(factory, each) for each in missing}
            # Where it cannot be kept, it is measured again. What failed may work the next time, but
            # for what the processor lacks.
            kept = [each for each in known.values() if not each.fault or each.lasting]
            with suppress(OSError):
                write_notes(notes, to_notes(kept))
        return [known[each] for each in wanted]


def _measure(factory: EngineFactory, candidate: Candidate) -> Measured:
    try:
        engine = factory.engine(candidate)
        agreement = factory.agreement(engine)
        seconds = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            factory.check(engine)
            seconds.append(time.perf_counter() - began)
    except EncoderError as error:
        _warn_of(error)
        lasting = isinstance(error, openvino_engine.ProcessorError)
        return Measured(candidate, fault=str(error), lasting=lasting)
    except (RuntimeError, MemoryError) as error:
        said = one_line(error)
        cpu = candidate.device == "cpu"
        cure = "name another `backend` or `precision`" if cpu else "use `device='cpu'`"
        return Measured(candidate, fault=f"{candidate} fails here ({said}): {cure}.")
    return Measured(candidate, agreement, len(check_texts()) / min(seconds))


def _warn_of(error: EncoderError) -> None:
    """Tell what another way stands in for, where its owner can mend it."""
    if isinstance(error, NotKeptError):
        warnings.warn(f"{error} Until then each load tries it again.", stacklevel=3)
