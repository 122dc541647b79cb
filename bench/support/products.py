"""The limit of this machine: plain matrix products of a model's own shapes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from encoder.engines.network import load_transformer
from encoder.model.modules import TransformerSpec

# Tokens of one product, as of one of our batches.
TOKENS = 1024
SECONDS = 0.4
Shapes = tuple[tuple[int, int], ...]
_shapes: Shapes = ()


def needed_operations(folder: Path, lengths: list[int]) -> float:
    """Floating-point operations of the linear layers and of attention, for the real tokens alone.

    lengths: tokens of each text. A product of [n, k] and [k, m] takes 2nkm; attention takes 4 times
    hidden size for every pair of tokens in every layer.
    """
    global _shapes
    model = load_transformer(TransformerSpec(folder))
    linears = [
        module
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and "pooler" not in name
    ]
    _shapes = tuple(sorted({(each.in_features, each.out_features) for each in linears}))
    per_token = sum(2 * each.in_features * each.out_features for each in linears)
    config: Any = model.config
    pairs = 4 * config.hidden_size * config.num_hidden_layers
    return float(sum(per_token * n + pairs * n * n for n in lengths))


def rates(precision: str) -> tuple[float, float] | None:
    """Operations in a second by torch's plain product, and by the fastest there is here.

    The fastest is OneDNN's with weights put in order beforehand. None for int8.
    """
    ways = {"float32": (_plain32, _packed32), "bfloat16": (_plain16, _packed16)}.get(precision)
    if ways is None:
        return None
    plain, packed = (_rate(way) for way in ways)
    return plain, max(plain, packed)


Product = Callable[[], object]


def _plain32(inputs: int, outputs: int) -> Product:
    left, right = torch.randn(TOKENS, inputs), torch.randn(inputs, outputs)
    return lambda: torch.mm(left, right)


def _plain16(inputs: int, outputs: int) -> Product:
    left, right = torch.randn(TOKENS, inputs).bfloat16(), torch.randn(outputs, inputs).bfloat16()
    return lambda: torch.nn.functional.linear(left, right)


def _packed(dtype: torch.dtype, inputs: int, outputs: int) -> Product:
    """OneDNN with weights that were put in order beforehand, as torch's compiler uses it."""
    left = torch.randn(TOKENS, inputs).to(dtype)
    ops = torch.ops.mkldnn
    packed = ops._reorder_linear_weight(torch.randn(outputs, inputs).to(dtype), TOKENS)
    return lambda: ops._linear_pointwise(left, packed, None, "none", [], "")


def _packed32(inputs: int, outputs: int) -> Product:
    return _packed(torch.float32, inputs, outputs)


def _packed16(inputs: int, outputs: int) -> Product:
    return _packed(torch.bfloat16, inputs, outputs)


def _rate(way: Callable[[int, int], Product]) -> float:
    """All shapes in turn, in one thread a core, as many threads as cores."""
    cores = torch.get_num_threads()
    done = [0.0] * cores
    began = threading.Barrier(cores)

    def work(lane: int) -> None:
        products = [(2.0 * TOKENS * k * n, way(k, n)) for k, n in _shapes]
        with torch.inference_mode():
            for _, product in products:
                product()
            began.wait()
            start = time.perf_counter()
            while time.perf_counter() - start < SECONDS:
                for operations, product in products:
                    product()
                    done[lane] += operations
            done[lane] /= time.perf_counter() - start

    torch.set_num_threads(1)
    try:
        threads = [threading.Thread(target=work, args=(lane,)) for lane in range(cores)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        torch.set_num_threads(cores)
    return sum(done)
