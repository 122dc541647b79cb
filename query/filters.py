"""Everyday conditions such as `year>=2019`, and checks of filters written in query DSL."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from query.errors import FilterError

INTEGERS = ("byte", "short", "integer", "long", "unsigned_long")
NUMBERS = (*INTEGERS, "half_float", "float", "double", "scaled_float")
EXACT = ("keyword", "constant_keyword", "wildcard", "ip", "version")
DATES = ("date", "date_nanos")
_RANGES = {">=": "gte", "<=": "lte", ">": "gt", "<": "lt"}
_CONDITION = re.compile(r"\s*([^\s=!<>]+)\s*(!=|>=|<=|=|>|<)\s*(.*?)\s*", re.S)
# A value in quotes may hold commas.
_VALUE = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^,"][^,]*)\s*(?:,|$)')
# Clauses whose keys are names of fields.
_LEAVES = (
    *("term", "terms", "range", "match", "match_phrase", "match_phrase_prefix"),
    *("prefix", "wildcard", "regexp", "fuzzy", "terms_set", "match_bool_prefix"),
)
_OCCURRENCES = ("must", "should", "filter", "must_not")
# Keys beside the field's name.
_NOT_FIELDS = ("boost", "_name")

Types = Mapping[str, str]


def combined_filter(
    dsl: Mapping[str, Any] | None, where: Iterable[str], types: Types, index: str
) -> dict[str, Any] | None:
    """One filter of query DSL and conditions, all of which must hold; None where there is none.

    types: dotted field name -> type. Raises FilterError.
    """
    clauses = [condition(each, types, index) for each in where]
    if dsl is not None:
        check_dsl(dsl, types, index)
        clauses.insert(0, dict(dsl))
    if len(clauses) < 2:
        return clauses[0] if clauses else None
    return {"bool": {"filter": clauses}}


def parse_dsl(text: str) -> dict[str, Any]:
    """A filter from JSON; raises FilterError with the position of what is wrong."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        near = text[max(0, error.pos - 10) : error.pos + 10]
        raise FilterError(
            f"the filter is not valid JSON at line {error.lineno}, column {error.colno}, near "
            f'{near!r}: {error.msg}; write it as \'{{"term": {{"lang": "en"}}}}\'.'
        ) from error
    if not isinstance(found, dict) or not found:
        raise FilterError(
            f"the filter must be one JSON object of query DSL and is {text.strip()[:40]!r}: write "
            'it as \'{"term": {"lang": "en"}}\'.'
        )
    return found


def check_dsl(dsl: Mapping[str, Any], types: Types, index: str) -> None:
    """Refuse fields that the index lacks: the cluster would find nothing and say nothing."""
    if len(dsl) != 1:
        raise FilterError(
            f"a filter has one clause and this one has {len(dsl)} ({', '.join(map(str, dsl))}): "
            'put them in {"bool": {"filter": [...]}}.'
        )
    for name in _fields_of(dsl):
        if "*" not in name:
            known_type(name, types, index)


def _fields_of(clause: Any) -> Iterator[str]:
    """Names of fields in the clauses that everyday filters are made of; others are left alone."""
    if not isinstance(clause, Mapping):
        return
    for kind, body in clause.items():
        if not isinstance(body, Mapping):
            continue
        if kind in _LEAVES:
            yield from (name for name in body if name not in _NOT_FIELDS)
        elif kind == "exists":
            yield str(body.get("field", "*"))
        elif kind == "bool":
            for occurrence in _OCCURRENCES:
                inner = body.get(occurrence) or []
                for each in inner if isinstance(inner, list) else [inner]:
                    yield from _fields_of(each)
        elif kind == "constant_score":
            yield from _fields_of(body.get("filter"))


def condition(text: str, types: Types, index: str) -> dict[str, Any]:
    """Query DSL for FIELD=VALUE, !=, >, >=, <, <=; several values with commas mean any of them.

    A passage without the field meets != and no other condition. Raises FilterError.
    """
    match = _CONDITION.fullmatch(text)
    if not match or not match[3]:
        raise FilterError(
            f"{text!r} is no condition: write it as lang=en, lang=en,de, lang!=en or year>=2019."
        )
    name, operator, rest = match.groups()
    if rest[0] in "=<>":
        raise FilterError(
            f"{text!r} has {operator}{rest[0]}, which is no comparison: use =, !=, >, >=, < or <=, "
            "and double quotes around a value that begins so."
        )
    name, kind = _exact_field(name, types, index)
    values = [_value(each, name, kind) for each in _values(rest, text)]
    if operator in _RANGES:
        return _range(name, kind, operator, values)
    query = {"terms": {name: values}} if len(values) > 1 else {"term": {name: values[0]}}
    return query if operator == "=" else {"bool": {"must_not": [query]}}


def _range(name: str, kind: str, operator: str, values: list[Any]) -> dict[str, Any]:
    if len(values) > 1:
        raise FilterError(f"{name}{operator} takes one value and has {len(values)}: give one.")
    if kind not in NUMBERS + DATES + ("ip", "version"):
        raise FilterError(
            f"field {name!r} is of type {kind}, which has no order: use = or != for it."
        )
    return {"range": {name: {_RANGES[operator]: values[0]}}}


def _values(rest: str, text: str) -> list[str]:
    found, at = [], 0
    while at < len(rest):
        match = _VALUE.match(rest, at)
        if not match:
            raise FilterError(
                f"the values of {text!r} cannot be read from {rest[at:]!r} on: separate them with "
                "commas, and put a value with a comma in double quotes."
            )
        found.append(_unquoted(match[1], text))
        at = match.end()
    return found


def _unquoted(value: str, text: str) -> str:
    if not value.startswith('"'):
        return value.strip()
    try:
        return str(json.loads(value))
    except json.JSONDecodeError as error:
        raise FilterError(
            f"the value {value} of {text!r} is no JSON string: {error.msg}."
        ) from error


def _value(value: str, name: str, kind: str) -> Any:
    """A value as the field's type wants it."""
    try:
        if kind in INTEGERS:
            return int(value)
        if kind in NUMBERS:
            return _finite(value)
    except ValueError as error:
        cure = _between(name, value)
        raise FilterError(
            f"field {name!r} is of type {kind} and {value!r} is no such number{cure}."
        ) from error
    if kind == "boolean":
        if value not in ("true", "false"):
            raise FilterError(f"field {name!r} is boolean and {value!r} is neither true nor false.")
        return value == "true"
    return value


def _between(name: str, value: str) -> str:
    """The cure for a range written as 1902..1950 or 1902-1950, empty for anything else."""
    match = re.fullmatch(r"(\d+)(?:\.\.\.?|-)(\d+)", value)
    if not match:
        return ""
    return f": for a range give two, --where '{name}>={match[1]}' --where '{name}<={match[2]}'"


def _finite(value: str) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number


def _exact_field(name: str, types: Types, index: str) -> tuple[str, str]:
    """The field that a condition compares with, and its type."""
    kind = known_type(name, types, index)
    if kind == "text":
        exact = [sub for sub, t in types.items() if sub.startswith(f"{name}.") and t == "keyword"]
        if exact:
            return exact[0], "keyword"
        raise FilterError(
            f"field {name!r} is full text, which is searched and not compared: put its words in "
            f'the query, or use --filter \'{{"match": {{"{name}": "..."}}}}\'.'
        )
    if kind not in EXACT + NUMBERS + DATES + ("boolean", "_id"):
        inside = [sub for sub in types if sub.startswith(f"{name}.")]
        cure = f"name a field in it, such as {inside[0]}" if inside else "use --filter"
        raise FilterError(f"field {name!r} is of type {kind}, which has no single value: {cure}.")
    return name, kind


def known_type(name: str, types: Types, index: str) -> str:
    """The type of a field; raises FilterError naming near ones where the index lacks it."""
    if name in ("_id", "_index"):
        return "_id"
    if name in types:
        return types[name]
    parts = name.split(".")
    for end in range(len(parts) - 1, 0, -1):  # a flat object's keys are not in the mapping
        if types.get(".".join(parts[:end])) in ("flat_object", "flattened"):
            return "keyword"
    near = difflib.get_close_matches(name, types, n=3)
    known = ", ".join(sorted(types)) or "none"
    hint = f"did you mean {' or '.join(near)}?" if near else f"it has {known}."
    raise FilterError(f"index {index!r} has no field {name!r}: {hint}")
