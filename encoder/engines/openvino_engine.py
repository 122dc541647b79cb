"""Run a network with OpenVINO, converted from torch once and kept."""

from __future__ import annotations

import sys
import threading
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from encoder.batching.batches import MOST_THREADS, Batch, Ints, Vectors, widened
from encoder.errors import EncoderError
from encoder.forks import computing, in_each_child, leave_to_parent
from tandem.base.errors import one_line
from tandem.base.process.memory import NO_MEMORY, lacks_memory
from tandem.base.process.running import has_all_cores

BUDGET = 1024
FEW = 256
# Batches that are begun before the first of them is waited for.
AHEAD = 64
# One text of at most so many tokens is padded to these, for each of which the network is compiled
# with its shapes known: else OpenVINO spends a third of a short query's time between the layers of
# a small network. Each form holds the weights in an order of its own, and of a larger network saves
# too little for that (queries of 6 to 15 tokens took 0.83 of the time at 90 MB, 0.94 at 265 MB).
LENGTHS = (16, 32)
MOST_BYTES = 150_000_000
MODEL, WEIGHTS = "model.xml", "model.bin"
# What OpenVINO calls our precisions. What is int8 is said in the converted model; the rest of it
# runs in bfloat16 where the processor can.
_HINTS = {"float32": ("f32",), "bfloat16": ("bf16",), "int8": ("bf16", "f32")}
# By this package OpenVINO's import tells its makers.
_REPORTING = "openvino_telemetry"
_importing = threading.Lock()


def present() -> bool:
    """Whether OpenVINO is installed."""
    return find_spec("openvino") is not None


def require() -> Any:
    """The openvino module; raises EncoderError where it is not installed."""
    try:
        with _unreported():
            import openvino

            # Made at the first use, by whoever holds the GIL and lets go of it meanwhile: two
            # threads that are first together would wait for each other without end.
            openvino.Type.i64.to_dtype()
    except ImportError as error:
        raise EncoderError(
            "the backend openvino needs the package openvino, which is not installed: "
            "pip install 'tandem-search[openvino]', or use `backend='torch'`."
        ) from error
    return openvino


@contextmanager
def _unreported() -> Iterator[None]:
    """Keep OpenVINO's import from telling its makers, for which it would fork this process.

    It does without the package that tells them where that cannot be imported.
    """
    with _importing:
        before = {_REPORTING: sys.modules[_REPORTING]} if _REPORTING in sys.modules else {}
        sys.modules[_REPORTING] = None  # type: ignore[assignment]
        try:
            yield
        finally:
            del sys.modules[_REPORTING]
            sys.modules.update(before)


class ProcessorError(EncoderError):
    """The processor cannot compute so, now or later."""


class _Form(NamedTuple):
    """What the network is compiled for.

    latency: one batch as soon as possible, not many; length: of the one text that it takes, None
    for any batch.
    """

    latency: bool
    length: int | None = None


_MANY, _ONE = _Form(latency=False), _Form(latency=True)


class OpenVinoEngine:
    """A converted network on the processor, compiled for what it is asked for when it first is.

    longest: most tokens that the network reads. Each of its workers is one thread with one batch.
    """

    def __init__(self, folder: Path, precision: str, concurrency: int, longest: int) -> None:
        self.concurrency = concurrency
        self.budget, self.few, self.at_once = BUDGET, FEW, concurrency
        self._openvino = require()
        self._path = folder / MODEL
        self._precision = precision
        weights = folder / WEIGHTS  # without which OpenVINO says what is wrong
        small = weights.is_file() and weights.stat().st_size <= MOST_BYTES
        # Beyond its longest a network may lack positions.
        self._lengths = [each for each in LENGTHS if small and each <= longest]
        self._begin()
        in_each_child(self, OpenVinoEngine._leave_to_parent)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        # Read once for all: the weights that none rearranges are then one memory's.
        self._network: Any = None
        self._compiled: dict[_Form, Any] = {}
        # Kept for the next batch, of whichever thread.
        self._free: defaultdict[_Form, list[Any]] = defaultdict(list)

    def _leave_to_parent(self) -> None:
        """Begin anew after a fork: what was compiled waits for threads that only the parent has."""
        leave_to_parent(self._compiled)
        leave_to_parent(self._free)
        self._begin()

    def compile_one(self) -> None:
        """Compile what `one` runs of a short text, before it is asked for anything."""
        self._model(self._alone(1))

    def one(self, batch: Batch) -> Vectors:
        """See Engine."""
        texts, tokens = batch.ids.shape
        form = self._alone(tokens) if texts == 1 else _ONE
        return self._run(widened(batch, form.length) if form.length else batch, form)

    def is_short(self, tokens: int) -> bool:
        """Whether one text of so many tokens has a form that no other does."""
        return self._alone(tokens).length is not None

    def _alone(self, tokens: int) -> _Form:
        """What one text of so many tokens is run by."""
        fitting = (_Form(True, each) for each in self._lengths if tokens <= each)
        return next(fitting, _ONE)

    def together(self, batches: Sequence[Batch]) -> Iterator[Vectors]:
        """See Engine; each of several batches has one thread, as with workers."""
        if len(batches) == 1:
            yield self.one(batches[0])
            return
        running: deque[tuple[Any, list[Ints]]] = deque()
        try:
            for batch in batches:
                if len(running) == AHEAD:
                    yield self._oldest(running)
                request = self._request(_MANY)
                inputs = _inputs(batch)  # which it reads until it is done
                running.append((request, inputs))
                request.start_async(inputs, share_inputs=True)
            while running:
                yield self._oldest(running)
        finally:
            for request, _ in running:  # where whoever asked was interrupted
                request.wait()

    def many(self, batch: Batch) -> Vectors:
        """See Engine."""
        return self._run(batch, _MANY)

    @contextmanager
    def open_workers(self) -> Iterator[None]:
        """OpenVINO has threads of its own for each worker."""
        yield

    def _run(self, batch: Batch, form: _Form) -> Vectors:
        request = self._request(form)
        with computing():
            request.infer(_inputs(batch), share_inputs=True)
        return self._output(request, form)

    def _oldest(self, running: deque[tuple[Any, list[Ints]]]) -> Vectors:
        running[0][0].wait()  # it is among them until it is done, whoever interrupts
        return self._output(running.popleft()[0], _MANY)

    def _output(self, request: Any, form: _Form) -> Vectors:
        vectors = np.array(request.get_output_tensor(0).data, np.float32)
        self._free[form].append(request)
        return vectors

    def _request(self, form: _Form) -> Any:
        try:
            return self._free[form].pop()
        except IndexError:
            return self._model(form).create_infer_request()

    def _model(self, form: _Form) -> Any:
        with self._lock:
            if form not in self._compiled:
                streams = (
                    (1, min(self.concurrency, MOST_THREADS))
                    if form.latency
                    else (self.concurrency, self.concurrency)
                )
                self._compiled[form] = self._compile(form.length, *streams)
            return self._compiled[form]

    def _compile(self, length: int | None, streams: int, threads: int) -> Any:
        core = self._openvino.Core()
        able = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        hints = [each for each in _HINTS[self._precision] if each != "bf16" or "BF16" in able]
        if not hints:
            raise ProcessorError(
                "this processor has no bfloat16: leave out `precision`, or use "
                "`precision='float32'`."
            )
        properties = {
            "NUM_STREAMS": streams,
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": hints[0],
            # Each process would bind its threads to the first cores.
            "ENABLE_CPU_PINNING": has_all_cores(),
        }
        try:
            if self._network is None:
                self._network = core.read_model(self._path)
            network = self._network if length is None else _of_one_text(self._network, length)
            return core.compile_model(network, "CPU", properties)
        except RuntimeError as error:
            if lacks_memory(error):
                raise EncoderError(NO_MEMORY) from error
            said = one_line(error)
            raise EncoderError(
                f"OpenVINO cannot run {self._path} ({said}): delete that folder to convert the "
                "model again, or use `backend='torch'`."
            ) from error


def _of_one_text(network: Any, length: int) -> Any:
    """The network with the shapes of one text of so many tokens; the weights are the same."""
    own = network.clone()
    own.reshape({each: [1, length] for each in own.inputs})
    return own


def _inputs(batch: Batch) -> list[Ints]:
    return [batch.ids, batch.mask, batch.kept]


def version() -> str:
    """OpenVINO's release, which converted models are kept apart by."""
    from importlib.metadata import version as installed

    return installed("openvino")
