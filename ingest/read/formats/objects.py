"""Objects of Python into rows: dicts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from ingest.read.values import fault_of, is_odd, kind_of
from ingest.records import Origin, Reject, Row


def read_iterable(items: Iterable[Any]) -> Iterator[Row | Reject]:
    """Rows of dicts that JSON can hold; anything else in the iterable becomes a reject."""
    for line, value in enumerate(items, 1):
        origin = Origin("documents", line)
        if not isinstance(value, dict):
            yield Reject(f"the document is {kind_of(value)} and must be a dict", origin)
            continue
        try:
            orjson.dumps(value)
        except TypeError as error:
            # The rejects file is JSON too, so the document goes there as Python shows it.
            yield Reject(f"the document cannot be JSON: {error}", origin, raw=_shown(value))
        else:
            odd = is_odd(value.values()) and fault_of(value)
            yield Row(origin, value, _as_text(value) if odd else None)


def _shown(value: Any) -> str:
    try:
        return repr(value)
    except RecursionError:
        return "nested too deeply to be shown"


def _as_text(value: dict[str, Any]) -> str:
    """JSON, but for what JSON cannot hold; dates and the like as orjson writes them."""
    plain = orjson.dumps
    return json.dumps(value, ensure_ascii=False, default=lambda each: orjson.loads(plain(each)))
