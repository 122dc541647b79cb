"""A cross-encoder in a file of ONNX, run by OpenVINO on the processor."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np

from encoder.batching.batches import Vectors
from encoder.engines.openvino_engine import require
from encoder.engines.scoring import Ints, Scoring, log_odds, sigmoid
from encoder.errors import ModelDamagedError, ModelNotFoundError, ModelRefusedError
from encoder.forks import computing, in_each_child, leave_to_parent
from tandem.base.errors import one_line

# Inputs by the names that exporters give them.
_IDS, _MASK, _KINDS = "input_ids", "attention_mask", "token_type_ids"


def build(file: Path) -> Scoring:
    """Load a model and return what scores a batch; a score is the probability of relevance.

    Raises ModelNotFoundError, ModelDamagedError, and ModelRefusedError for a model with other
    inputs, or another output than one score or two labels (no, yes) a text.
    """
    if not file.is_file():
        raise ModelNotFoundError(f"there is no file {file}: check the path.")
    try:
        model = require().Core().read_model(file)
        _check(model, file)
        network = _Network(model)
    except RuntimeError as error:
        raise ModelDamagedError(
            f"{file} cannot be run ({one_line(error)}): fetch it again, or export it anew."
        ) from error
    return Scoring(network.run, sigmoid)


class _Network:
    """The model of a file, compiled for this process, and anew in each that is forked from it."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._names = [each.get_any_name() for each in model.inputs]
        self._lock = threading.Lock()
        self._compiled: Any = None
        self._compile()
        in_each_child(self, _Network._leave_to_parent)

    def _leave_to_parent(self) -> None:
        leave_to_parent(self._compiled)
        self._lock, self._compiled = threading.Lock(), None

    def _compile(self) -> Any:
        with self._lock:
            if self._compiled is None:
                properties = {"INFERENCE_PRECISION_HINT": "f32"}
                self._compiled = require().Core().compile_model(self._model, "CPU", properties)
            return self._compiled

    def run(self, ids: Ints, mask: Ints, kinds: Ints) -> Vectors:
        """Log-odds of a batch; see Scoring."""
        given = {_IDS: ids, _MASK: mask, _KINDS: kinds}
        request = self._compile().create_infer_request()
        with computing():
            request.infer({name: given[name] for name in self._names})
        return log_odds(np.array(request.get_output_tensor(0).data, np.float32))


def _check(model: Any, file: Path) -> None:
    names = {each.get_any_name() for each in model.inputs}
    if _IDS not in names or not names <= {_IDS, _MASK, _KINDS}:
        raise ModelRefusedError(
            f"{file} asks for {', '.join(sorted(names))}, and a cross-encoder reads {_IDS}, "
            f"{_MASK} and {_KINDS} at most: export a model for sequence classification."
        )
    shape = model.output(0).get_partial_shape()
    labels = shape[1].get_max_length() if len(shape) == 2 else 0
    if labels not in (1, 2):
        raise ModelRefusedError(
            f"{file} gives an output of the shape {shape}, and a cross-encoder one score or two "
            "labels (no, yes) a text: choose a model that was trained to rank."
        )
