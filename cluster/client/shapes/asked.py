"""Which shape an answer must have, by what was asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cluster.client.shapes.indexes import GOT, IN_PART, NAMED
from cluster.client.shapes.searches import PAGE, POSTED, Object

_TEXTS = ("_cat", "hot_threads", "_sql", "_ppl")  # if not asked for JSON


def shape_of(method: str, path: str, params: Mapping[str, Any]) -> Any:
    """What an answer of 200 must be, for msgspec.convert."""
    parts = path.partition("?")[0].strip("/").split("/")
    kind = next((part for part in parts if part.startswith("_")), "")  # of what is asked for
    if set(parts) & set(_TEXTS):
        return Object | list[Any] if "json" in f"{path}{params.get('format')}" else Any
    if method == "POST" and kind == "_search" and ("scroll" in params or parts[-1] == "scroll"):
        return PAGE
    if method == "POST":
        return POSTED.get("point_in_time" if "point_in_time" in parts else kind, Object)
    if method != "GET" or parts == [""]:
        return Object
    if kind == "" and "filter_path" in params:
        return IN_PART
    if kind == "" and "*" not in path:
        return NAMED
    return GOT.get(kind, Object)
