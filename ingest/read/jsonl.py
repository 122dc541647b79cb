"""JSONL: lines in, rows and rejects out, one at a time and within the limits of a line."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from ingest.errors import SourceError
from ingest.read.sources import Line
from ingest.records import MEGABYTE, Origin, Reading, Reject, Row

# orjson writes 254 levels, and a line of the rejects file is one level around its document.
MOST_LEVELS = 253
# Integers of 64 bits, signed or not, are read and written as they are.
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1
# orjson reads a larger integer as a float, which is never nearer to 0 than this.
_ROUNDED = float(2**63)
_BETWEEN_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"|[^\[\]{}"]+')
_OPENING = b"[{"


class Unfit:
    """A value of a source that JSON cannot hold: why, and how it is shown in the rejects file.

    As shown it is no JSON, so that it must be mended before it is taken again.
    """

    def __init__(self, why: str, shown: str) -> None:
        self.why = why
        self._shown = shown

    def __str__(self) -> str:
        return self._shown


def is_odd(values: Iterable[Any], levels: int = MOST_LEVELS - 1) -> bool:
    """Whether a document's values want a closer look, which few do; this one must be quick.

    Some are nested in more than so many levels, or there is, at any depth, a float that is not
    finite or may be a rounded integer, or a value that is Unfit.
    """
    for value in values:
        kind = type(value)
        if kind is str or kind is int:
            continue
        if kind is float:
            if not -_ROUNDED < value < _ROUNDED:
                return True
        elif kind is dict or kind is list or kind is tuple:
            inner = value.values() if kind is dict else value
            if not levels or is_odd(inner, levels - 1):
                return True
        elif kind is Unfit:
            return True
    return False


def levels_of(data: bytes) -> int:
    """How deep the brackets of a JSON text are nested, those in strings not counted."""
    level = deepest = 0
    for bracket in _BETWEEN_BRACKETS.sub(b"", data):
        level += 1 if bracket in _OPENING else -1
        deepest = max(deepest, level)
    return deepest


def too_deep(levels: int, what: str = "the document") -> str:
    """The reason for a document that is nested too deeply."""
    return (
        f"{what} is nested {levels:,} levels deep and at most {MOST_LEVELS} are taken: flatten it"
    )


def fault_of(document: Mapping[str, Any]) -> str | None:
    """Why JSON cannot hold a document as it is, naming field and cure; None where it can."""
    deepest, deepest_field = 0, ""
    for name, path, value, level in _walk(document):
        if why := _why(value):
            return f"the field {path!r} {why}, or leave it out with --drop-field {path}"
        if level > deepest:
            deepest, deepest_field = level, name
    if deepest > MOST_LEVELS:
        said = too_deep(deepest, f"the field {deepest_field!r}")
        return f"{said}, or leave it out with --drop-field {deepest_field}"
    return None


def _why(value: Any) -> str | None:
    if isinstance(value, Unfit):
        return f"is {value.why}: mend it"
    if isinstance(value, bool):
        return None
    if isinstance(value, int) and not _SMALLEST <= value <= _LARGEST:
        return f"is {value}, which has more than 64 bits and would be rounded: make it a string"
    if isinstance(value, float) and not math.isfinite(value):
        return f"is {value}, a number that JSON does not have: mend it"
    return None


def _walk(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Any, int]]:
    """Every value as (field of the document, path for --drop-field, value, level).

    No recursion, for there may be a thousand levels.
    """
    left = [(name, name, value, 1) for name, value in document.items()]
    while left:
        name, path, value, level = left.pop()
        level += isinstance(value, Mapping | list | tuple)
        yield name, path, value, level
        if isinstance(value, Mapping):
            left += [(name, f"{path}.{key}", each, level) for key, each in value.items()]
        elif isinstance(value, list | tuple):
            left += [(name, path, each, level) for each in value]


# Usual names, tried in this order where no option names a field.
ID_FIELDS = ("_id", "id", "docid", "doc_id", "pid")
TEXT_FIELDS = ("text", "contents", "content", "body", "passage")
TITLE_FIELDS = ("title",)
FROM_ARRAY = "convert it with `jq -c '.[]'`"
# A first line that only opens a value, and what makes lines of such a file.
_CURES = {b"[": FROM_ARRAY, b"{": "convert it with `jq -c .`"}
# Of an unreadable line, so much is kept in the rejects file.
RAW_KEPT = 1 * MEGABYTE

RowStream = Iterator["Row | Reject"]


def too_long(line: Line, origin: Origin, most: int) -> Reject | None:
    """The reject for a line beyond `most` bytes, with its beginning; None for any other."""
    size = len(line.data) + line.rest
    if size <= most:
        return None
    reason = f"the document has {size:,} bytes and at most {most:,} are taken (--max-document-mb)"
    raw = line.data[:RAW_KEPT].decode(errors="replace")
    return Reject(reason, origin, raw=raw)


def read_jsonl(lines: Iterator[Line], name: str, reading: Reading) -> RowStream:
    """One row a line; blank lines are none.

    Raises SourceError where the first line only opens a value that goes on in the next.
    """
    first = True
    for line in lines:
        data = line.data.strip()
        if not data:
            continue
        if first and data in _CURES:
            raise SourceError(
                f"{name} is JSON over several lines and must have one document a line: "
                f"{_CURES[data]}."
            )
        first = False
        origin = Origin(name, line.number)
        yield too_long(line, origin, reading.max_bytes) or parse_json(data, origin)


def parse_json(data: bytes | str, origin: Origin) -> Row | Reject:
    """One JSON object as a row; a line that is none, as a reject with the reason."""
    if isinstance(data, str):
        data = data.encode()
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        text = data.decode(errors="backslashreplace")
        return Reject(_json_reason(error, data), origin, raw=text)
    if not isinstance(value, dict):
        reason = f"the line is {kind_of(value)} and must be an object"
        return Reject(reason, origin, raw=data.decode())
    if is_odd(value.values()):
        return _exact_row(data.decode(), origin)
    return Row(origin, value)


def _exact_row(text: str, origin: Origin) -> Row | Reject:
    """The row as the slower parser reads it, which rounds no integer."""
    try:
        value = json.loads(text)
    except RecursionError:
        return Reject(too_deep(levels_of(text.encode())), origin, raw=text)
    return Row(origin, value, text if fault_of(value) else None)


def _json_reason(error: orjson.JSONDecodeError, data: bytes) -> str:
    said = str(error)
    if "depth limit" in said:
        return too_deep(levels_of(data))
    if "surrogate" in said and "utf-8" not in said.lower():
        return f"lone surrogate in a \\u escape: {said}"
    if "utf-8" in said.lower():
        return "invalid UTF-8"
    return f"broken JSON: {said}"


def kind_of(value: Any) -> str:
    """What a JSON value is, in words."""
    if value is None:
        return "null"
    if isinstance(value, Unfit):
        return value.why
    for types, words in (
        (bool, "a boolean"),
        ((int, float), "a number"),
        (str, "a string"),
        (dict, "an object"),
        (list, "an array"),
    ):
        if isinstance(value, types):
            return words
    return f"a {type(value).__name__}"
