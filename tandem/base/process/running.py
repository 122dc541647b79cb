"""What runs a model: the names that users, indexes and encoders have for it, and the cores."""

from __future__ import annotations

import os
from typing import Literal, get_args

Backend = Literal["torch", "openvino"]
Precision = Literal["float32", "bfloat16", "float16", "int8"]
BACKENDS: tuple[Backend, ...] = get_args(Backend)
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
# Of the cores, how many are this process's where others work beside it; None for all.
_share: int | None = None


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads() -> int:
    """How many threads this process may compute with: its share of the cores, or all of them."""
    return cores() if _share is None else min(_share, cores())


def has_all_cores() -> bool:
    """Whether no other process computes beside this one, as far as it was told."""
    return threads() == cores()


def share_cores(count: int) -> None:
    """Let this process compute with so many threads only, because others work beside it."""
    global _share
    _share = count
