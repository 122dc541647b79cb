"""Everyday conditions such as `year>=2019` as query DSL."""

from __future__ import annotations

import json
import math
import re
from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple

from query.errors import FilterError
from query.target import (
    DATES,
    INTEGERS,
    NUMBERS,
    VALUED,
    Types,
    exact_part,
    fault_of_number,
    known_type,
    nested_in,
)

_RANGES = {">=": "gte", "<=": "lte", ">": "gt", "<": "lt"}
_CONDITION = re.compile(r"\s*([^\s=!<>]+)\s*(!=|>=|<=|=|>|<)\s*(.*?)\s*", re.S)
# Latitude, longitude, and how far away at most.
_NEAR = re.compile(
    r"\s*([^\s=!<>~]+)\s*~\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)\s*<=?"
    r"\s*(\d+(?:\.\d+)? ?(?:km|m|mi|yd|ft|nmi|cm))\s*"
)
# The cluster's date math: years, months, weeks, days, hours, minutes, seconds; / rounds down.
_NOW = re.compile(r"now(?:[+-]\d+[yMwdhHms])*(?:/[yMwdhHms])?")
# A date as everybody writes it, which is read as that whatever way the field's own are written in.
_ISO = re.compile(r"\d{4}(-\d\d(-\d\d(T[\d:.]+(Z|[+-]\d\d:?\d\d)?)?)?)?(\|\|.*)?")
_YEAR, _MONTH, _DAY = (re.compile(r"\d{4}" + r"-\d\d" * more) for more in range(3))
# A value in quotes may hold commas.
_VALUE = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^,"][^,]*)\s*(?:,|$)')

_ORDERED = (*NUMBERS, *DATES, "ip", "version")
_PATTERNED = ("keyword", "constant_keyword", "wildcard")
# FROM..TO, of which one may be left out.
_BOUNDS = re.compile(r"(?=.*[^.])(.*?[^.])?\.\.([^.].*)?", re.S)


class _Written(NamedTuple):
    """A value as it was written; in quotes it is that value and no pattern."""

    text: str
    quoted: bool


def condition(text: str, types: Types, index: str) -> dict[str, Any]:
    """Query DSL for FIELD=VALUE, !=, >, >=, <, <=; several values with commas mean any of them.

    After =, FROM..TO is a range with both its ends, * and ? in an exact field stand for characters,
    and * alone for any value. FIELD~LAT,LON<DISTANCE means near a place; a field of addresses takes
    a network, 10.0.0.0/8, and one of dates also now-30d. A passage without the field meets != and
    no other condition. Raises FilterError.
    """
    if near := _NEAR.fullmatch(text):
        return _near(near, types, index)
    match = _CONDITION.fullmatch(text)
    if not match or not match[3]:
        raise FilterError(
            f"{text!r} is no condition: write it as lang=en, lang=en,de, lang!=en, year>=2019 or "
            "place~52.5,13.4<5km."
        )
    name, operator, rest = match.groups()
    if rest[0] in "=<>":
        raise FilterError(
            f"{text!r} has {operator}{rest[0]}, which is no comparison: use =, !=, >, >=, < or <=, "
            "and double quotes around a value that begins so."
        )
    name, kind = _exact_field(name, types, index)
    values = _values(rest, text)
    if operator in _RANGES:
        return _range(
            name, kind, operator, [_value(each.text, name, kind, ordered=True) for each in values]
        )
    query = _any_of([_meant(each, name, kind) for each in values])
    return query if operator == "=" else {"bool": {"must_not": [query]}}


def _meant(value: _Written, name: str, kind: str) -> dict[str, Any]:
    """Query DSL for one value after =: itself, a range FROM..TO, a pattern, or * for any."""
    if not value.quoted and value.text == "*":
        return {"exists": {"field": name}}
    if not value.quoted and kind in _ORDERED and (bounds := _BOUNDS.fullmatch(value.text)):
        ends = {"gte": bounds[1], "lte": bounds[2]}
        given = {end: _value(text, name, kind, ordered=True) for end, text in ends.items() if text}
        if runs_backwards(given.get("gte"), given.get("lte")):
            raise FilterError(
                f"the range {name}={value.text} ends before it begins, so that nothing meets it: "
                f"write {name}={bounds[2]}..{bounds[1]}."
            )
        return _between(name, kind, given)
    if not value.quoted and re.search(r"[*?]", value.text):
        if kind in _PATTERNED:
            return {"wildcard": {name: {"value": value.text}}}
        if name == "_id":
            raise FilterError(
                f"ids know no patterns and {value.text!r} has {'*' if '*' in value.text else '?'}: "
                "give whole ids, in double quotes where one has such a character."
            )
    found = _value(value.text, name, kind, ordered=False)
    if kind in DATES:  # of a day all its hours
        return _between(name, kind, {"gte": found, "lte": found})
    return {"term": {name: found}}


def _between(name: str, kind: str, bounds: dict[str, Any]) -> dict[str, Any]:
    """A range; dates in ISO 8601 are read as such, any others as the field's own are."""
    dates = [each for each in bounds.values() if kind in DATES and not _NOW.fullmatch(each)]
    if not dates or not all(map(_ISO.fullmatch, dates)):
        return {"range": {name: bounds}}
    whole = {end: _whole(each) for end, each in bounds.items()}
    return {"range": {name: {**whole, "format": "strict_date_optional_time"}}}


def _whole(date: str) -> str:
    """A year or month as all of it; the cluster would take its first day."""
    unit = "y" if _YEAR.fullmatch(date) else "M" if _MONTH.fullmatch(date) else None
    return f"{date}||/{unit}" if unit else date


def runs_backwards(first: Any, last: Any) -> bool:
    """Whether a range surely ends before it begins: of numbers, or of years, months and days."""
    if isinstance(first, str) and isinstance(last, str):
        if not all(any(p.fullmatch(d) for p in (_YEAR, _MONTH, _DAY)) for d in (first, last)):
            return False
        shared = min(len(first), len(last))
        return first[:shared] > last[:shared]
    numbers = all(type(each) in (int, float) for each in (first, last))
    return numbers and first > last


def _any_of(queries: list[dict[str, Any]]) -> dict[str, Any]:
    """One query for several, the plain values of a field among them as one `terms`."""
    if len(queries) == 1:
        return queries[0]
    terms: dict[str, list[Any]] = {}
    for query in queries:
        for name, value in query.get("term", {}).items():
            terms.setdefault(name, []).append(value)
    rest = [query for query in queries if "term" not in query]
    found = [*([{"terms": terms}] if terms else []), *rest]
    return found[0] if len(found) == 1 else {"bool": {"should": found}}


def _range(name: str, kind: str, operator: str, values: list[Any]) -> dict[str, Any]:
    if len(values) > 1:
        raise FilterError(f"{name}{operator} takes one value and has {len(values)}: give one.")
    if kind not in _ORDERED:
        raise FilterError(
            f"field {name!r} is of type {kind}, which has no order: use = or != for it."
        )
    return _between(name, kind, {_RANGES[operator]: values[0]})


def _values(rest: str, text: str) -> list[_Written]:
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


def _unquoted(value: str, text: str) -> _Written:
    if not value.startswith('"'):
        return _Written(value.strip(), quoted=False)
    try:
        return _Written(str(json.loads(value)), quoted=True)
    except json.JSONDecodeError as error:
        raise FilterError(
            f"the value {value} of {text!r} is no JSON string: {error.msg}."
        ) from error


def _near(match: re.Match[str], types: Types, index: str) -> dict[str, Any]:
    name, lat, lon, distance = match.groups()
    if (kind := known_type(name, types, index)) != "geo_point":
        raise FilterError(
            f"field {name!r} is of type {kind} and no place: ingest it with `field_types` "
            f"{name}=geo_point."
        )
    place = {"lat": float(lat), "lon": float(lon)}
    if abs(place["lat"]) > 90 or abs(place["lon"]) > 180:
        raise FilterError(
            f"{lat},{lon} is no place: latitude comes first, from -90 to 90, then longitude, from "
            "-180 to 180."
        )
    return {"geo_distance": {"distance": distance.replace(" ", ""), name: place}}


def _value(value: str, name: str, kind: str, *, ordered: bool) -> Any:
    """A value as the field's type wants it; ordered: it is a bound, and may lie between values."""
    if kind in _SPECIAL and (fault := _SPECIAL[kind](value, ordered)):
        raise FilterError(f"field {name!r} is of type {kind} and {value!r} {fault}.")
    try:
        if kind in INTEGERS and not (ordered and "." in value):
            return _fitting(int(value), name, kind)
        if kind in NUMBERS:
            return _finite(value)
    except ValueError as error:
        cure = _range_cure(name, value)
        raise FilterError(
            f"field {name!r} is of type {kind} and {value!r} is no such number{cure}."
        ) from error
    if kind == "boolean":
        if value.lower() not in ("true", "false"):
            raise FilterError(f"field {name!r} is boolean and {value!r} is neither true nor false.")
        return value.lower() == "true"
    return value


def _fitting(number: int, name: str, kind: str) -> int:
    if fault := fault_of_number(kind, number):
        raise FilterError(f"field {name!r} is of type {kind} and {str(number)[:60]} {fault}.")
    return number


def _fault_of_address(value: str, ordered: bool) -> str | None:
    try:
        ip_address(value) if ordered else ip_network(value, strict=False)
    except ValueError:
        return "is no address" if ordered else "is no address and no network such as 10.0.0.0/24"
    return None


def _fault_of_date(value: str, ordered: bool) -> str | None:
    dated = re.match(r"[-+]?\d|[A-Z][a-z]{2}", value) and not re.search(r"[*?]", value)
    if _NOW.fullmatch(value) or dated:
        return None
    return "is no date: write it as 2015, 2015-01-31, 2015-01-31T10:00:00Z, now or now-30d"


_SPECIAL = {"ip": _fault_of_address, **dict.fromkeys(DATES, _fault_of_date)}


def _range_cure(name: str, value: str) -> str:
    """The cure for a range written as 1902-1950 or 1902...1950, empty for anything else."""
    match = re.fullmatch(r"(\d+)(?:\.\.\.|-)(\d+)", value)
    return f": for a range write `where=['{name}={match[1]}..{match[2]}']`" if match else ""


def _finite(value: str) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number


def _exact_field(name: str, types: Types, index: str) -> tuple[str, str]:
    """The field that a condition compares with, and its type."""
    kind = known_type(name, types, index)
    if path := nested_in(name, types):
        inner = f'{{"term": {{"{name if name != path else path + ".FIELD"}": "..."}}}}'
        raise FilterError(
            f"field {name!r} is inside the nested field {path!r}, which conditions do not reach: "
            f'use `filter={{"nested": {{"path": "{path}", "query": {inner}}}}}`.'
        )
    if kind == "text":
        if exact := exact_part(name, types):
            return exact, "keyword"
        raise FilterError(
            f"field {name!r} is full text, which is searched and not compared: put its words in "
            f'the query, or use `filter={{"match": {{"{name}": "..."}}}}`.'
        )
    if kind not in (*VALUED, "_id"):
        inside = [sub for sub in types if sub.startswith(f"{name}.")]
        cure = f"name a field in it, such as {inside[0]}" if inside else "use `filter`"
        raise FilterError(f"field {name!r} is of type {kind}, which has no single value: {cure}.")
    return name, kind
