"""Types of metadata: what each is in a mapping, and which values are of it.

A type is written as its name, `date` also with a format of the cluster's behind it:
`date:epoch_second`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from ipaddress import ip_address
from typing import Any

from mappings.errors import MappingError

WORD, WHOLE, NUMBER, DATE, PLACE = "keyword", "long", "double", "date", "geo_point"
FLAT, UNINDEXED = "flat", "unindexed"
TYPES = (WORD, "text", WHOLE, NUMBER, "boolean", DATE, "ip", PLACE, FLAT, UNINDEXED)
# Lucene takes no longer word.
LONGEST_WORD = 8191
# So many numbers in a list, the same number in each document, are a vector; of whole ones alone,
# as vectors in bytes have them, more.
SHORTEST_VECTOR, SHORTEST_OF_WHOLE = 8, 64
_IN_VECTORS = frozenset("[]0123456789.,-+eE \n")
# A double holds every whole number up to here.
EXACT_WHOLE = 2**53
# Of slashes, nobody knows which is the month until a day is above 12.
DAY_FIRST = "date:d/M/uuuu[ H:mm[:ss]]"
MONTH_FIRST = "date:M/d/uuuu[ H:mm[:ss]]"
# The usual spellings of dates, as java.time has them; no number of seconds or milliseconds, for
# nobody knows which of the two it is.
_ZONE = "[ ][XXX][XX][X]['UTC']"
_FORMATS = (
    "strict_date_optional_time",
    f"uuuu-MM-dd HH:mm[:ss][.SSSSSSSSS][.SSSSSS][.SSS][.SS][.S][{_ZONE}]",
    "uuuu/M/d[ H:mm[:ss]]",
    "d.M.uuuu[ H:mm[:ss]]",
    "EEE, d MMM uuuu HH:mm:ss [zzz][XX]",
    "EEE MMM d HH:mm:ss XX uuuu",
    "d MMM uuuu",
    "d MMMM uuuu",
    "MMM d, uuuu",
    "MMMM d, uuuu",
    "basic_date",
)
_MONTHS = "January February March April May June July August September October November December"
_MONTH_OF = {name[:length]: n for n, name in enumerate(_MONTHS.split(), 1) for length in (3, 99)}
_NAMED = rf"(?P<name>{'|'.join(sorted(_MONTH_OF, key=len, reverse=True))})"
_TIME = r"(?P<H>\d{1,2}):(?P<M>\d\d)(?::(?P<S>\d\d))?"
_OFFSET = r"[+-]\d\d(?::?\d\d)?"
# The same formats; each `y` is a year of four digits.
_DATES = [
    re.compile(pattern.replace("YEAR", r"(?P<y>\d{4})"))
    for pattern in (
        r"YEAR-(?P<m>\d\d)(?:-(?P<d>\d\d)(?:T(?P<H>\d\d)(?::(?P<M>\d\d)(?::(?P<S>\d\d)"
        rf"(?:\.\d{{1,9}})?)?)?(?:Z|{_OFFSET})?)?)?",
        r"YEAR-(?P<m>\d\d)-(?P<d>\d\d) (?P<H>\d\d):(?P<M>\d\d)(?::(?P<S>\d\d)"
        rf"(?:\.(?:\d{{9}}|\d{{6}}|\d{{1,3}}))?)?(?: ?(?:Z|UTC|{_OFFSET}))?",
        rf"YEAR/(?P<m>\d\d?)/(?P<d>\d\d?)(?: {_TIME})?",
        rf"(?P<d>\d\d?)\.(?P<m>\d\d?)\.YEAR(?: {_TIME})?",
        rf"[A-Z][a-z]{{2}}, (?P<d>\d\d?) {_NAMED} YEAR {_TIME} (?:GMT|UTC|[+-]\d{{4}})",
        rf"[A-Z][a-z]{{2}} {_NAMED} (?P<d>\d\d?) {_TIME} [+-]\d{{4}} YEAR",
        rf"(?P<d>\d\d?) {_NAMED} YEAR",
        rf"{_NAMED} (?P<d>\d\d?), YEAR",
    )
]
_BASIC = re.compile(r"(?P<y>\d{4})(?P<m>\d\d)(?P<d>\d\d)")
_DAY_FIRST = re.compile(rf"(?P<d>\d\d?)/(?P<m>\d\d?)/(?P<y>\d{{4}})(?: {_TIME})?")
_MONTH_FIRST = re.compile(rf"(?P<m>\d\d?)/(?P<d>\d\d?)/(?P<y>\d{{4}})(?: {_TIME})?")
_WHOLE = re.compile(r"-?(?:0|[1-9]\d*)")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]\d+)?")
_PLACE = re.compile(r"\s*(-?\d{1,2}(?:\.\d+)?)\s*,\s*(-?\d{1,3}(?:\.\d+)?)\s*")
_OPEN = (list, tuple)


def field_mapping(kind: str, distribution: str, analyzer: str = "standard") -> dict[str, Any]:
    """What the mapping of an index says of a field of this type; raises MappingError for none."""
    name, _, form = kind.partition(":")
    if name not in TYPES or (form and name != DATE):
        raise MappingError(f"unknown type {kind!r}: use {', '.join(TYPES)}, or date:FORMAT.")
    if name == DATE:
        return {"type": DATE, "format": form or "||".join(_FORMATS), "locale": "en"}
    if name == UNINDEXED:
        return {"type": "object", "enabled": False}
    if name == FLAT:
        return {"type": "flat_object" if distribution == "opensearch" else "flattened"}
    more: dict[str, dict[str, Any]] = {
        WORD: {"ignore_above": LONGEST_WORD},
        "text": {"analyzer": analyzer},
    }
    return {"type": name, **more.get(name, {})}


def type_of(spec: Mapping[str, Any]) -> str:
    """The type that a field of an index's mapping has, as `field_mapping` is asked for it."""
    kind = str(spec.get("type", "object"))
    if kind == DATE:
        form = spec.get("format", "")
        return DATE if form == "||".join(_FORMATS) else f"{DATE}:{form}"
    if kind in ("flat_object", "flattened"):
        return FLAT
    return UNINDEXED if kind == "object" and spec.get("enabled") is False else kind


def stored_types(
    properties: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(dotted name, its part of the mapping) of every field that is no object with fields."""
    for name, spec in properties.items():
        if "properties" in spec:
            yield from stored_types(spec["properties"], f"{prefix}{name}.")
        else:
            yield prefix + name, spec


def is_date(text: str) -> bool:
    """Whether a text is a date in one of the usual spellings, with at least year and month."""
    return any(_is_day(match) for each in _DATES if (match := each.fullmatch(text)))


def _is_day(match: re.Match[str]) -> bool:
    found = match.groupdict()
    month = _MONTH_OF[found["name"]] if found.get("name") else int(found["m"])
    hour, minute, second = (int(found.get(part) or 0) for part in "HMS")
    try:
        datetime(int(found["y"]), month, int(found["d"] or 1), hour, minute, second)
    except ValueError:
        return False
    return True


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def is_place(value: Any) -> bool:
    """Whether a value is `lat,lon`, an object of the two, or a GeoJSON point."""
    if isinstance(value, str):
        match = _PLACE.fullmatch(value)
        return match is not None and _on_earth(float(match[1]), float(match[2]))
    if not isinstance(value, Mapping):
        return False
    if value.keys() == {"lat", "lon"}:
        return _on_earth(value["lat"], value["lon"])
    point = value.get("coordinates")
    if value.get("type") not in ("Point", "point") or not isinstance(point, _OPEN):
        return False
    return value.keys() == {"type", "coordinates"} and len(point) == 2 and _on_earth(*point[::-1])


def _on_earth(lat: Any, lon: Any) -> bool:
    if any(isinstance(each, bool) or not isinstance(each, int | float) for each in (lat, lon)):
        return False
    return bool(-90 <= lat <= 90 and -180 <= lon <= 180)


def _fits_number(value: Any) -> bool:
    if isinstance(value, str):
        try:
            return abs(float(value)) < float("inf") and "_" not in value
        except ValueError:
            return False
    return isinstance(value, int | float) and not isinstance(value, bool)


def _fits_exactly(value: Any) -> bool:
    """A whole number beyond 2^53 would be found under its neighbours' names."""
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        value = int(value)
    return _fits_number(value) and not (isinstance(value, int) and abs(value) > EXACT_WHOLE)


def _whole(bits: int) -> Callable[[Any], bool]:
    most = 2 ** (bits - 1)

    def fits_whole(value: Any) -> bool:
        if isinstance(value, str):
            if not re.fullmatch(r"[+-]?\d+", value):
                return False
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return isinstance(value, int) and not isinstance(value, bool) and -most <= value < most

    return fits_whole


def _fits_boolean(value: Any) -> bool:
    return isinstance(value, bool) or value in ("true", "false")


def _fits_date(value: Any) -> bool:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str):
        return False
    basic = _BASIC.fullmatch(text) or re.fullmatch(r"(?P<y>\d{4})(?P<m>)(?P<d>)", text)
    return is_date(text) or bool(basic and (not basic["m"] or _is_day(basic)))


def _by(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    def fits_pattern(value: Any) -> bool:
        match = pattern.fullmatch(value) if isinstance(value, str) else None
        return match is not None and _is_day(match)

    return fits_pattern


# A place may be written in more ways than are known here, so the cluster says which is none.
_FITS: dict[str, Callable[[Any], bool]] = {
    "byte": _whole(8),
    "short": _whole(16),
    "integer": _whole(32),
    WHOLE: _whole(64),
    "half_float": _fits_number,
    "float": _fits_number,
    "scaled_float": _fits_number,
    NUMBER: _fits_exactly,
    "boolean": _fits_boolean,
    DATE: _fits_date,
    DAY_FIRST: _by(_DAY_FIRST),
    MONTH_FIRST: _by(_MONTH_FIRST),
    "ip": lambda value: isinstance(value, str) and _is_ip(value),
}


def check_of(kind: str) -> Callable[[Any], bool] | None:
    """What tells whether a single value fits a type; None where any may."""
    return _FITS.get(kind)


def candidates(value: Any, *, cell: bool) -> frozenset[str]:
    """The types that a single value could be of, none for an object.

    cell: of a table, where a number and a boolean are text like all else.
    """
    if isinstance(value, bool):
        return frozenset(("boolean", WORD))
    if isinstance(value, int):
        return _candidates_of_whole(value)
    if isinstance(value, float):
        return frozenset((NUMBER, WORD))
    if isinstance(value, str):
        return frozenset(_candidates_of_text(value, cell))
    return frozenset((PLACE,)) if is_place(value) else frozenset()


def _candidates_of_whole(value: int) -> frozenset[str]:
    if abs(value) <= EXACT_WHOLE:
        return frozenset((NUMBER, WHOLE, WORD))
    return frozenset((WHOLE, WORD) if -(2**63) <= value < 2**63 else (WORD,))


def _candidates_of_text(text: str, cell: bool) -> Iterator[str]:
    yield WORD
    if not text or len(text) > 60:
        return
    if cell and text.lower() in ("true", "false"):
        yield "boolean"
    if cell and _NUMBER.fullmatch(text):
        yield from _candidates_of_whole(int(text)) if _WHOLE.fullmatch(text) else (NUMBER,)
    if text[0].isalnum() and (text[-1].isalnum()):
        if is_date(text):
            yield DATE
        yield from (each for each in (DAY_FIRST, MONTH_FIRST) if _FITS[each](text))
    if ("." in text or ":" in text) and _is_ip(text):
        yield "ip"
    if text.count(".") == 2 and is_place(text):
        yield PLACE


def vector_length(value: Any) -> int | None:
    """How many numbers a vector has, or each vector of a list; None for what is none."""
    if isinstance(value, str):
        is_vector = value.startswith("[") and value.endswith("]") and _IN_VECTORS.issuperset(value)
        count = len(value[1:-1].replace(",", " ").split()) if is_vector else 0
        return count if count >= SHORTEST_VECTOR else None
    if not isinstance(value, list | tuple) or not value:
        return None
    if isinstance(value[0], list | tuple):
        lengths = set(map(vector_length, value))
        return lengths.pop() if len(lengths) == 1 else None
    kinds = set(map(type, value))
    least = SHORTEST_VECTOR if float in kinds else SHORTEST_OF_WHOLE
    return len(value) if kinds <= {int, float} and len(value) >= least else None
