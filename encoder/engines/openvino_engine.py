"""Run a network with OpenVINO, converted from torch once and kept."""

from __future__ import annotations

import ctypes
import logging
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from encoder.batching.batches import MOST_THREADS, Batch, Item, Vectors, make_batch
from encoder.errors import EncoderError
from encoder.forks import in_each_child
from tandem.base.memory import NO_MEMORY, lacks_memory

BUDGET = 1024
MODEL = "model.xml"
# What OpenVINO calls our precisions. What is int8 is said in the converted model; the rest of it
# runs in bfloat16 where the processor can.
_HINTS = {"float32": ("f32",), "bfloat16": ("bf16",), "int8": ("bf16", "f32")}


def present() -> bool:
    """Whether OpenVINO is installed."""
    return find_spec("openvino") is not None


def require() -> Any:
    """The openvino module; raises EncoderError where it is not installed."""
    # Nothing that runs here is reported to anybody.
    os.environ.setdefault("OPENVINO_TELEMETRY_DISABLED", "1")
    try:
        import openvino
    except ImportError as error:
        raise EncoderError(
            "the backend openvino needs the package openvino, which is not installed: "
            "pip install 'tandem-search[openvino]', or use `backend='torch'`."
        ) from error
    return openvino


class OpenVinoEngine:
    """A converted network on the processor: compiled for many batches, or for one, when asked.

    Each lane is one thread with one batch.
    """

    def __init__(self, folder: Path, precision: str, lanes: int) -> None:
        self.lanes = lanes
        self.budget = BUDGET
        self._openvino = require()
        self._path = folder / MODEL
        self._precision = precision
        self._begin()
        in_each_child(self, OpenVinoEngine._leave_to_parent)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._compiled: dict[bool, Any] = {}
        # Kept for the next batch, of whichever thread; by whether they are for latency.
        self._free: dict[bool, list[Any]] = {True: [], False: []}

    def _leave_to_parent(self) -> None:
        """Begin anew after a fork: what was compiled waits for threads that only the parent has."""
        for each in (self._compiled, self._free):
            # Its end would wait for them too, and the child's with it.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(each))
        self._begin()

    def one(self, batch: Batch) -> Vectors:
        """See Engine."""
        return self._run(batch, latency=True)

    def many(self, batch: Batch) -> Vectors:
        """See Engine."""
        return self._run(batch, latency=False)

    @contextmanager
    def open_lanes(self) -> Iterator[None]:
        """OpenVINO has threads of its own for its lanes."""
        yield

    def _run(self, batch: Batch, *, latency: bool) -> Vectors:
        free = self._free[latency]
        try:
            request = free.pop()
        except IndexError:
            request = self._model(latency).create_infer_request()
        request.infer([batch.ids, batch.mask, batch.kept], share_inputs=True)
        vectors = np.array(request.get_output_tensor(0).data, np.float32)
        free.append(request)
        return vectors

    def _model(self, latency: bool) -> Any:
        with self._lock:
            if latency not in self._compiled:
                streams = (
                    (1, min(self.lanes, MOST_THREADS)) if latency else (self.lanes, self.lanes)
                )
                self._compiled[latency] = self._compile(*streams)
            return self._compiled[latency]

    def _compile(self, streams: int, threads: int) -> Any:
        core = self._openvino.Core()
        able = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        hints = [each for each in _HINTS[self._precision] if each != "bf16" or "BF16" in able]
        if not hints:
            raise EncoderError(
                "this processor has no bfloat16: leave out `precision`, or use "
                "`precision='float32'`."
            )
        properties = {
            "NUM_STREAMS": streams,
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": hints[0],
        }
        try:
            return core.compile_model(str(self._path), "CPU", properties)
        except RuntimeError as error:
            if lacks_memory(error):
                raise EncoderError(NO_MEMORY) from error
            said = " ".join(str(error).split())[:200]
            raise EncoderError(
                f"OpenVINO cannot run {self._path} ({said}): delete that folder to convert the "
                "model again, or use `backend='torch'`."
            ) from error


def version() -> str:
    """OpenVINO's release, which converted models are kept apart by."""
    from importlib.metadata import version as installed

    return installed("openvino")


def convert(network: Any, folder: Path) -> None:
    """Write a torch network as an OpenVINO model of float32 weights; raises EncoderError."""
    import torch

    openvino = require()
    free = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    ids = torch.full((3, 17), 1)
    mask = torch.ones_like(ids)
    try:
        with torch.no_grad(), quiet():
            exported = torch.export.export(
                network, (ids, mask, mask.clone()), dynamic_shapes=(free, free, free), strict=False
            )
            converted = openvino.convert_model(exported)
    except Exception as error:  # torch.export and OpenVINO raise many kinds
        said = " ".join(str(error).split())[:200]
        raise EncoderError(
            f"the model cannot be converted to OpenVINO ({said}): use `backend='torch'`."
        ) from error
    save(converted, folder)


def save(model: Any, folder: Path) -> None:
    """Write an OpenVINO model; raises OSError where there is no room for it."""
    try:
        require().save_model(model, str(folder / MODEL), compress_to_fp16=False)
    except RuntimeError as error:  # what a full disk is to OpenVINO
        raise OSError(f"OpenVINO cannot write there: {error}") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Conversions warn about what is checked afterwards, and draw bars on standard output."""
    import io
    import logging
    import warnings
    from contextlib import redirect_stdout

    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def quantise(source: Path, ids: Sequence[Sequence[int]], folder: Path) -> None:
    """Write an int8 form of the converted model in `source` into `folder`.

    ids: token ids of sample texts, from which the ranges of activations are learnt. Raises
    EncoderError.
    """
    openvino = require()
    try:
        with quiet():
            import nncf
    except ImportError as error:
        raise EncoderError(
            "the precision int8 needs the package nncf, which is not installed: "
            "pip install 'tandem-search[openvino]', or leave out `precision`."
        ) from error
    batches = [make_batch([Item(0, each)]) for each in ids if len(each) > 0]
    inputs = [(each.ids, each.mask, each.kept) for each in batches]
    with quiet():
        nncf.set_log_level(logging.ERROR)
        model = openvino.Core().read_model(str(source / MODEL))
        quantised = nncf.quantize(
            model,
            nncf.Dataset(inputs),
            model_type=nncf.ModelType.TRANSFORMER,
            subset_size=len(inputs),
            ignored_scope=nncf.IgnoredScope(names=_after_gelu(model)),
        )
    save(quantised, folder)


def _after_gelu(model: Any) -> list[str]:
    """Products of what a GELU gave, which has a few values far larger than the rest.

    With these in int8 the least cosine to float32 over 700 passages was 0.982, without 0.993, at
    0.87 of the speed (all-MiniLM-L6-v2).
    """
    return [
        op.get_friendly_name()
        for op in model.get_ops()
        if op.get_type_name() == "MatMul" and op.input_value(0).get_node().get_type_name() == "Gelu"
    ]
