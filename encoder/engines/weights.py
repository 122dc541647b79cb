"""Weights of the small modules: safetensors, or a pickle by torch's restricted unpickler alone."""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from encoder.errors import ModelDamagedError
from tandem.base.errors import one_line

SAFETENSORS = "model.safetensors"
PICKLE = "pytorch_model.bin"


def read_weights(folder: Path) -> dict[str, Tensor]:
    """The tensors in a module's folder, by name.

    Raises ModelDamagedError where there are none, or where the file is broken or holds more than
    tensors.
    """
    safe, pickled = folder / SAFETENSORS, folder / PICKLE
    path = safe if safe.exists() else pickled
    try:
        if path is safe:
            from safetensors.torch import load_file

            return load_file(safe)
        found: dict[str, Tensor] = torch.load(pickled, map_location="cpu", weights_only=True)
        return found
    except FileNotFoundError as error:
        raise ModelDamagedError(
            f"{folder} has no weights ({SAFETENSORS}): fetch the whole model again."
        ) from error
    except Exception as error:  # safetensors, pickle and torch each have their own
        raise ModelDamagedError(
            f"the weights {path} cannot be read ({said_of(error)}): fetch the model again."
        ) from error


def said_of(error: Exception) -> str:
    """What is wrong with weights, in the words of who read them.

    Of a pickle that holds code torch tells how to run it all the same.
    """
    if isinstance(error, UnpicklingError):
        return "a pickle that is none, or holds more than tensors, which is never run"
    return one_line(error)


def fill(module: nn.Module, folder: Path) -> None:
    """Load a module's weights; raises ModelDamagedError naming both shapes where they differ."""
    found = read_weights(folder)
    for name, parameter in module.state_dict().items():
        if name not in found:
            raise ModelDamagedError(f"the weights in {folder} lack {name}: fetch the model again.")
        if found[name].shape != parameter.shape:
            raise ModelDamagedError(
                f"{name} in {folder} has the shape {_shape(found[name])} and its config.json says "
                f"{_shape(parameter)}: fetch the model again, or correct config.json."
            )
    wanted: dict[str, Any] = {name: found[name].float() for name in module.state_dict()}
    module.load_state_dict(wanted)


def _shape(tensor: Tensor) -> str:
    return str(list(tensor.shape))
