"""Filters written in query DSL: read, checked, and joined with conditions."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

import numpy as np

from query.body.filters.conditions import condition
from query.errors import FilterError
from query.question import is_text
from query.target import Types, fault_of_number, known_type, nested_in
from tandem.base.arguments import shown

# Clauses whose keys are names of fields.
_LEAVES = (
    *("term", "terms", "range", "match", "match_phrase", "match_phrase_prefix"),
    *("prefix", "wildcard", "regexp", "fuzzy", "terms_set", "match_bool_prefix"),
)
_OCCURRENCES = ("must", "should", "filter", "must_not")
# What the client writes as JSON; times as ISO 8601.
_KEPT = (str, int, float, date, np.generic, np.ndarray)
# Of long and unsigned_long.
_LEAST, _GREATEST = -(2**63), 2**64 - 1
# Of objects and lists in each other: what writes requests takes 254, and a search adds its own.
MOST_DEEP = 100
_TOO_DEEP = (
    "the filter has {} objects and lists within each other, and "
    f"{MOST_DEEP} are the most that it may have: join its conditions in fewer."
)
# Keys beside the field's name.
_NOT_FIELDS = ("boost", "_name")


def combined_filter(
    dsl: Mapping[str, Any] | None, where: Iterable[str], types: Types, index: str
) -> dict[str, Any] | None:
    """One filter of query DSL and conditions, all of which must hold; None where there is none.

    types: dotted field name -> type. Raises FilterError.
    """
    clauses = []
    if dsl is not None and dsl != {}:
        check_dsl(dsl, types, index)
        clauses.append(dict(dsl))
    for each in where:
        clauses.append(condition(each, types, index))
        _check_values(clauses[-1])
    return all_of(*clauses)


def all_of(*filters: dict[str, Any] | None) -> dict[str, Any] | None:
    """One filter that is met where all are; None stands for no filter."""
    clauses = [each for each in filters if each is not None]
    if len(clauses) < 2:
        return clauses[0] if clauses else None
    return {"bool": {"filter": clauses}}


def parse_dsl(text: str) -> dict[str, Any]:
    """A filter from JSON; raises FilterError with the position of what is wrong."""
    try:
        found = json.loads(text, object_pairs_hook=_each_key_once)
    except json.JSONDecodeError as error:
        near = text[max(0, error.pos - 10) : error.pos + 10]
        raise FilterError(
            f"the filter is not valid JSON at line {error.lineno}, column {error.colno}, near "
            f'{near!r}: {error.msg}; write it as \'{{"term": {{"lang": "en"}}}}\'.'
        ) from error
    except RecursionError:
        raise FilterError(_TOO_DEEP.format("thousands of")) from None
    except ValueError as error:  # Python reads no number of so many digits
        raise FilterError(
            "the filter has a number of thousands of digits, and a cluster's have 64 bits at most: "
            "give a smaller one."
        ) from error
    if not isinstance(found, dict) or not found:
        raise FilterError(
            f"the filter must be one JSON object of query DSL and is {text.strip()[:40]!r}: write "
            'it as \'{"term": {"lang": "en"}}\'.'
        )
    return found


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; of a key that is there twice, the first value would be lost."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise FilterError(
            f"the filter has the key {twice!r} twice in one object, so that one of them would be "
            'lost: put both conditions in {"bool": {"filter": [...]}}.'
        )
    return found


def check_dsl(dsl: Mapping[str, Any], types: Types, index: str) -> None:
    """Refuse fields that the index lacks: the cluster would find nothing and say nothing."""
    if not isinstance(dsl, Mapping):
        raise FilterError(
            f"the filter is {str(dsl)[:40]!r} and must be a dict of query DSL: give it as "
            '{"term": {"lang": "en"}}.'
        )
    if list(dsl) == ["query"]:
        raise FilterError(
            'the filter is a whole request: leave out the outer "query", as in '
            '\'{"term": {"lang": "en"}}\'.'
        )
    if len(dsl) != 1:
        raise FilterError(
            f"a filter has one clause and this one has {len(dsl)} ({', '.join(map(str, dsl))}): "
            'put them in {"bool": {"filter": [...]}}.'
        )
    _check_values(dsl)
    for _, name, given in leaves(dsl):
        if "*" not in name:
            _check_numbers(name, known_type(name, types, index), given)
            _check_nested(name, types)


def _check_numbers(name: str, kind: str, given: Any) -> None:
    if isinstance(given, Mapping):
        given = [value for key, value in given.items() if key not in _NOT_FIELDS]
    for value in given if isinstance(given, list | tuple) else [given]:
        if fault := fault_of_number(kind, value):
            raise FilterError(f"the filter's {value} of {name!r} {fault} ({kind}).")


def _check_nested(name: str, types: Types) -> None:
    if path := nested_in(name, types):
        raise FilterError(
            f"field {name!r} is inside the nested field {path!r}, where a filter finds nothing "
            f'unless it says so: put it in {{"nested": {{"path": "{path}", "query": {{...}}}}}}.'
        )


def _check_values(value: Any, depth: int = 1) -> None:
    """Refuse what JSON cannot hold, anywhere in a filter, and what no request can hold."""
    if depth > MOST_DEEP and isinstance(value, Mapping | list | tuple):
        raise FilterError(_TOO_DEEP.format(f"more than {MOST_DEEP}"))
    if isinstance(value, str) and not is_text(value):
        raise FilterError(
            f"the filter's {value[:60]!r} is no text, for it has half a character: write "
            "it in UTF-8."
        )
    if isinstance(value, float) and not math.isfinite(value):
        raise FilterError(
            f"the filter has the number {value}, which JSON lacks: give a finite one."
        )
    if isinstance(value, int) and not _LEAST <= value <= _GREATEST:
        raise FilterError(
            f"the filter has a whole number of {value.bit_length()} bits, and 64 is the most that "
            "a cluster's have: give a smaller one."
        )
    if isinstance(value, Mapping):
        for name, each in value.items():
            _check_values(name)
            _check_values(each, depth + 1)
    elif isinstance(value, list | tuple):
        for each in value:
            _check_values(each, depth + 1)
    elif not (value is None or isinstance(value, _KEPT)):
        raise FilterError(
            f"the filter has {shown(value)}, which JSON lacks: give a list for a set, and a number "
            "or a text for any other."
        )


def leaves(clause: Any) -> Iterator[tuple[str, str, Any]]:
    """Kind, field and value of what everyday filters are made of; other clauses are left alone."""
    if not isinstance(clause, Mapping):
        return
    for kind, body in clause.items():
        if not isinstance(body, Mapping):
            continue
        if kind in _LEAVES:
            yield from (
                (kind, name, each) for name, each in body.items() if name not in _NOT_FIELDS
            )
        elif kind == "exists":
            yield kind, str(body.get("field", "*")), None
        elif kind == "bool":
            for occurrence in _OCCURRENCES:
                inner = body.get(occurrence) or []
                for each in inner if isinstance(inner, list) else [inner]:
                    yield from leaves(each)
        elif kind == "constant_score":
            yield from leaves(body.get("filter"))
