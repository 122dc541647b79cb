"""What runs a model: the names that users, indexes and encoders have for it, and the cores."""

from __future__ import annotations

import os
from typing import Literal, get_args

Backend = Literal["torch", "openvino"]
Precision = Literal["float32", "bfloat16", "float16", "int8"]
BACKENDS: tuple[Backend, ...] = get_args(Backend)
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
