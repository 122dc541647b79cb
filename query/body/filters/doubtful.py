"""Filters that the cluster takes and that can hardly be met: their hits are missing in silence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from query.body.filters.conditions import runs_backwards
from query.body.filters.dsl import leaves
from query.target import Types

# Types whose values are compared whole; of text, the words are, as its analyzer leaves them.
_EXACT = ("keyword", "constant_keyword", "wildcard", "flat_object", "flattened")
_TEXT = ("text", "match_only_text")
_ENDS = (("gte", "gt"), ("lte", "lt"))


def doubts_of(dsl: Mapping[str, Any] | None, types: Types) -> tuple[str, ...]:
    """A sentence for each clause that no document can be expected to meet.

    types: dotted field name -> type. Most analyzers leave single words in lower case.
    """
    found: dict[str, None] = {}
    for kind, name, given in leaves(dsl or {}):
        if kind in ("term", "terms"):
            said = [_of_term(kind, name, value, types) for value in _values(given)]
        elif kind in ("prefix", "wildcard"):
            said = [_of_pattern(kind, name, given, types)]
        else:
            said = [_of_range(name, given)] if kind == "range" else []
        found |= dict.fromkeys(filter(None, said))
    return tuple(found)


def _values(given: Any) -> Iterator[str]:
    if isinstance(given, Mapping):
        given = given.get("value")
    for each in given if isinstance(given, list | tuple) else [given]:
        if isinstance(each, str):
            yield each


def _of_term(kind: str, name: str, value: str, types: Types) -> str | None:
    type_ = types.get(name)
    if type_ in _TEXT and _is_no_word(value):
        return _among_words(kind, name, value, types, "use 'match_phrase'")
    if type_ in _EXACT and ("*" in value or "?" in value):
        return (
            f"the filter's {kind!r} looks for {value!r} as it stands in {name!r}, for it knows no "
            "patterns: use 'wildcard' where one is meant."
        )
    return None


def _of_pattern(kind: str, name: str, given: Any, types: Types) -> str | None:
    """No analyzer reads a pattern."""
    if isinstance(given, Mapping):
        if given.get("case_insensitive") in (True, "true"):
            return None
        given = given.get("value", given.get(kind))
    if types.get(name) in _TEXT and isinstance(given, str) and _is_no_word(given):
        return _among_words(kind, name, given, types, "write it as such a word begins")
    return None


def _of_range(name: str, given: Any) -> str | None:
    if not isinstance(given, Mapping):
        return None
    first, last = (next((given[k] for k in keys if k in given), None) for keys in _ENDS)
    if not runs_backwards(first, last):
        return None
    return (
        f"the filter's 'range' of {name!r} begins at {first} and ends at {last}, so that no "
        "document is met: give the lower end first."
    )


def _is_no_word(value: str) -> bool:
    """Whether an analyzer would hardly have left a text as it is."""
    return value != value.lower() or len(value.split()) > 1


def _among_words(kind: str, name: str, value: str, types: Types, cure: str) -> str:
    exact = next((each for each in _below(name, types) if types[each] in _EXACT), None)
    return (
        f"the filter's {kind!r} looks for {value!r} among the single words of {name!r}, mostly "
        f"kept in lower case, so that hardly a document is met: "
        f"{f'use {exact!r}' if exact else cure}."
    )


def _below(name: str, types: Types) -> Iterator[str]:
    return (each for each in types if each.startswith(f"{name}."))
