"""What came from elsewhere, against the type that it must be of."""

from __future__ import annotations

import os
import threading
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
_one = threading.Lock()


def as_type(value: Any, kind: type[T], *, strict: bool = True) -> T:
    """The value as msgspec reads it into the type; raises msgspec.ValidationError.

    strict: False where numbers may come as text. One thread at a time: what msgspec learns of a
    struct at its first use, a second thread meets half made, and the process ends by SIGSEGV.
    """
    with _one:
        return msgspec.convert(value, kind, strict=strict)


if hasattr(os, "register_at_fork"):  # a child must not inherit it from a thread that it lacks
    os.register_at_fork(
        before=_one.acquire, after_in_parent=_one.release, after_in_child=_one.release
    )
