"""Filters that the cluster takes and that can hardly be met: their hits are missing in silence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from query.body.filters.dsl import leaves
from query.target import Types

# Types whose values are compared whole; of text, the words are, as its analyzer leaves them.
_EXACT = ("keyword", "constant_keyword", "wildcard", "flat_object", "flattened")
_TEXT = ("text", "match_only_text")


def doubts_of(dsl: Mapping[str, Any] | None, types: Types) -> tuple[str, ...]:
    """A sentence for each value of a term that no document can be expected to have.

    types: dotted field name -> type. Most analyzers leave single words in lower case.
    """
    found: dict[str, None] = {}
    for kind, name, given in leaves(dsl or {}):
        if kind in ("term", "terms"):
            for value in _values(given):
                if said := _doubt(kind, name, value, types):
                    found[said] = None
    return tuple(found)


def _values(given: Any) -> Iterator[str]:
    if isinstance(given, Mapping):
        given = given.get("value")
    for each in given if isinstance(given, list | tuple) else [given]:
        if isinstance(each, str):
            yield each


def _doubt(kind: str, name: str, value: str, types: Types) -> str | None:
    type_ = types.get(name)
    if type_ in _TEXT and (value != value.lower() or len(value.split()) > 1):
        exact = next((each for each in _below(name, types) if types[each] in _EXACT), None)
        cure = f"use {exact!r}" if exact else "use 'match_phrase'"
        return (
            f"the filter's {kind!r} looks for {value!r} among the single words of {name!r}, mostly "
            f"kept in lower case, so that hardly a document is met: {cure}."
        )
    if type_ in _EXACT and ("*" in value or "?" in value):
        return (
            f"the filter's {kind!r} looks for {value!r} as it stands in {name!r}, for it knows no "
            "patterns: use 'wildcard' where one is meant."
        )
    return None


def _below(name: str, types: Types) -> Iterator[str]:
    return (each for each in types if each.startswith(f"{name}."))
