"""JSON of whatever a cluster stored."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import orjson


def json_bytes(value: Any) -> bytes:
    """JSON in UTF-8, of one line.

    An integer beyond 64 bits stays one, and half a character its escape.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
    except TypeError:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)
        return text.encode("utf-8", "backslashreplace")


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is none of JSON")
