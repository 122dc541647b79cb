"""What JSON can hold of a document's values, and what they are called."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ingest.errors import SourceError

# Usual names, tried in this order where no option names a field.
ID_FIELDS = ("_id", "id", "docid", "doc_id", "pid")
TEXT_FIELDS = ("text", "contents", "content", "body", "passage")
TITLE_FIELDS = ("title",)

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


def integer(digits: str) -> int | Unfit:
    """An integer of a JSON text; Unfit where it has more digits than Python reads."""
    try:
        return int(digits)
    except ValueError:
        return Unfit(f"an integer of {len(digits.lstrip('-')):,} digits", digits)


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
            return f"the field {path!r} {why}, or leave it out with `drop_fields={[path]}`"
        if level > deepest:
            deepest, deepest_field = level, name
    if deepest > MOST_LEVELS:
        said = too_deep(deepest, f"the field {deepest_field!r}")
        return f"{said}, or leave it out with `drop_fields={[deepest_field]}`"
    return None


def _why(value: Any) -> str | None:
    if isinstance(value, Unfit):
        return f"is {value.why}: mend it"
    if isinstance(value, bool):
        return None
    if isinstance(value, int) and not _SMALLEST <= value <= _LARGEST:
        bits = value.bit_length()
        # Python does not even write out an integer of many thousands.
        known = value if bits < 256 else f"an integer of {bits:,} bits"
        return f"is {known}, which has more than 64 bits and would be rounded: make it a string"
    if isinstance(value, float) and not math.isfinite(value):
        return f"is {value}, a number that JSON does not have: mend it"
    return None


def _walk(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Any, int]]:
    """Every value as (field of the document, path for drop_fields, value, level).

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


def repeated(names: list[str]) -> list[str]:
    """The names that are there more than once."""
    return [name for name, times in Counter(names).items() if times > 1]


def column_twice(file: str, names: list[str]) -> SourceError:
    """The sentence for columns of which one would hide the other."""
    named = ", ".join(map(repr, names))
    return SourceError(f"{file} has the column {named} twice: rename one of them.")
