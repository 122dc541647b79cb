"""What goes to a cluster: JSON of whatever it stored, and the paths of requests."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import numpy as np
import orjson


@lru_cache(maxsize=256)
def path_of(*parts: str) -> str:
    """The path of a request: every part is one segment, whatever characters its name has.

    A % that was sent as it is would make another name of what follows it; commas and asterisks may
    stay, for they separate and stand for names in any case.
    """
    return "".join(f"/{quote(part, safe=',*')}" for part in parts)


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
