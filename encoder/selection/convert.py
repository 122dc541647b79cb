"""Forms of a network for OpenVINO, made in a process of their own.

What makes them sets levels of logs and random seeds, writes to standard output, puts classes and
paths of its own in place of Python's, and would report its use: a program that we are a guest of
shall see none of it.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from multiprocessing.spawn import get_executable
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from encoder.batching.batches import Item, make_batch
from encoder.engines.openvino_engine import MODEL
from encoder.errors import EncoderError
from encoder.model.modules import Route
from tandem.base.errors import one_line
from tandem.base.process.children import environment
from tandem.base.process.memory import NO_MEMORY, lacks_memory

# Of our environment: where libraries and temporary files are, and how many threads there may be.
_KEPT = (
    "HOME",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
)
# Minutes are what the largest models take, on a busy machine; what takes longer hangs.
MOST_SECONDS = 3600.0
_PROGRAM = """
import pickle, sys
sys.path[:] = pickle.load(sys.stdin.buffer)
from encoder.selection.convert import main
main()
"""


def convert(route: Route, folder: Path, most: float = MOST_SECONDS) -> None:
    """Write a route's network into `folder` as an OpenVINO model of float32 weights.

    most: seconds that it may take. Raises EncoderError, and OSError where there is no room for it.
    """
    _apart(most, "convert", route, folder)


def quantise(source: Path, ids: Sequence[Sequence[int]], folder: Path) -> None:
    """Write an int8 form of the converted model in `source` into `folder`.

    ids: token ids of sample texts, from which the ranges of activations are learnt. Raises
    EncoderError, and OSError where there is no room for it.
    """
    _apart(MOST_SECONDS, "quantise", source, ids, folder)


def _apart(most: float, work: str, *given: Any) -> None:
    """Have the work done by `main` in another process, which has so many seconds."""
    words = [os.fsdecode(get_executable() or ""), "-c", _PROGRAM]
    asked = pickle.dumps(sys.path) + pickle.dumps((work, given))
    # Files: a pipe would be waited for as long as any process has it that the libraries start.
    with TemporaryFile() as answer, TemporaryFile() as printed:
        options: dict[str, Any] = {"stdout": answer, "stderr": printed, "timeout": most}
        try:
            done = subprocess.run(words, input=asked, env=environment(*_KEPT), **options)
        except subprocess.TimeoutExpired:
            raise EncoderError(
                f"the process that makes the model's form for OpenVINO was stopped after {most:,g} "
                "seconds: use `backend='torch'`."
            ) from None
        code = done.returncode
        answer.seek(0)
        printed.seek(0)
        if code:
            said = printed.read().decode(errors="replace").strip().rpartition("\n")[2][:200]
            if lacks_memory(RuntimeError(said)):
                raise EncoderError(NO_MEMORY)
            raise EncoderError(
                f"the process that makes the model's form for OpenVINO ended with {code} ({said}): "
                "use `backend='torch'`."
            )
        if (error := pickle.load(answer)) is not None:
            raise error


def main() -> None:
    """In that process: do what standard input asks for, and answer with None or the error."""
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # for whatever the libraries print
    # Both report to their makers, unless this cannot be imported.
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    work, given = pickle.load(sys.stdin.buffer)
    error = None
    try:
        (_convert if work == "convert" else _quantise)(*given)
    except (EncoderError, OSError) as caught:
        error = type(caught)(*caught.args)
    with answer:
        pickle.dump(error, answer)


def _convert(route: Route, folder: Path) -> None:
    import openvino
    import torch

    from encoder.engines.network import build

    network = build(route)
    free = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    ids = torch.full((3, 17), 1)
    mask = torch.ones_like(ids)
    try:
        with torch.no_grad():
            exported = torch.export.export(
                network, (ids, mask, mask.clone()), dynamic_shapes=(free, free, free), strict=False
            )
            converted = openvino.convert_model(exported)
    except Exception as error:  # torch.export and OpenVINO raise many kinds
        said = one_line(error)
        raise EncoderError(
            f"the model cannot be converted to OpenVINO ({said}): use `backend='torch'`."
        ) from error
    _save(converted, folder)


def _quantise(source: Path, ids: Sequence[Sequence[int]], folder: Path) -> None:
    import openvino

    try:
        import nncf
    except ImportError as error:
        raise EncoderError(
            "the precision int8 needs the package nncf, which is not installed: "
            "pip install 'tandem-search[openvino]', or leave out `precision`."
        ) from error
    batches = [make_batch([Item(0, each)]) for each in ids if len(each) > 0]
    inputs = [(each.ids, each.mask, each.kept) for each in batches]
    model = openvino.Core().read_model(str(source / MODEL))
    quantised = nncf.quantize(
        model,
        nncf.Dataset(inputs),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=len(inputs),
        ignored_scope=nncf.IgnoredScope(names=_after_gelu(model)),
    )
    _save(quantised, folder)


def _save(model: Any, folder: Path) -> None:
    """Write an OpenVINO model; raises OSError where there is no room for it."""
    import openvino

    try:
        openvino.save_model(model, str(folder / MODEL), compress_to_fp16=False)
    except RuntimeError as error:  # what a full disk is to OpenVINO
        raise OSError(f"OpenVINO cannot write there: {one_line(error)}") from error


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
