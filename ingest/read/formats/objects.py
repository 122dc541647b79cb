"""Objects of Python into rows: dicts, and what is as good as one."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, is_dataclass
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from pathlib import PurePath
from typing import Any
from uuid import UUID

import numpy as np
import orjson

from ingest.errors import SourceError
from ingest.read.formats.arrow import as_text, duration
from ingest.read.values import MOST_LEVELS, Unfit, fault_of, is_odd, kind_of
from ingest.records import Origin, Reject, Row

# What JSON has as it is; a float may be NaN.
_SIMPLE = frozenset((str, int, bool, type(None)))
_WRITTEN_OUT = (UUID, PurePath, IPv4Address, IPv6Address)
# What pandas has for a missing value beside NaN; by name, for pandas is not imported.
_MISSING = ("NaTType", "NAType")


def read_iterable(items: Iterable[Any]) -> Iterator[Row | Reject]:
    """Rows of dicts, dataclasses, pydantic models and named tuples; anything else is a reject.

    Raises SourceError where the first of them is no document at all.
    """
    for line, item in enumerate(items, 1):
        origin = Origin("documents", line)
        value = item if type(item) is dict else _as_dict(item)
        if value is None:
            said = f"{kind_of(item)} and must be a dict"
            if line == 1:
                raise SourceError(f"the first document is {said}: give a list of dicts, or a path.")
            yield Reject(f"the document is {said}", origin, raw=_shown(item))
            continue
        if not _SIMPLE.issuperset(map(type, value.values())):
            value = _without_missing(value)
        yield _row(value, origin)


def _row(value: dict[str, Any], origin: Origin) -> Row | Reject:
    try:
        orjson.dumps(value, default=_of_unfit)
    except TypeError as error:
        # The rejects file is JSON too, so the document goes there as Python shows it.
        fault = fault_of(value)
        if fault and (row := _row_of_large(value, origin)):
            return row
        return Reject(fault or f"the document cannot be JSON: {error}", origin, raw=_shown(value))
    odd = is_odd(value.values()) and fault_of(value)
    return Row(origin, value, as_text(value) if odd else None)


def _row_of_large(value: dict[str, Any], origin: Origin) -> Row | None:
    """The row of what is JSON but for an integer of too many bits, which is told by its field."""
    try:
        text = as_text(value)
        orjson.dumps(json.loads(text, parse_int=float))
        return Row(origin, json.loads(text), text)
    except (TypeError, ValueError, RecursionError):
        return None


def _of_unfit(value: Any) -> None:
    """What is told later by its field's name passes; anything else is what orjson says it is."""
    if not isinstance(value, Unfit):
        raise TypeError(f"Type is not JSON serializable: {type(value).__name__}")


def _shown(value: Any) -> str:
    try:
        return repr(value)
    except RecursionError:
        return "nested too deeply to be shown"
    except ValueError:  # Python shows no integer of so many digits
        return "of too many digits to be shown"


def _as_dict(value: Any) -> dict[str, Any] | None:
    """The fields of an object that has some, or None."""
    if isinstance(value, Mapping):
        return dict(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    for name in ("model_dump", "_asdict", "to_dict"):
        make = getattr(value, name, None)
        if callable(make) and not isinstance(value, type):
            made = make()
            return dict(made) if isinstance(made, Mapping) else None
    return None


def _without_missing(value: dict[str, Any]) -> dict[str, Any]:
    """The values as JSON has them, without NaN, NaT and the like, which stand for no value."""
    plain = {name: plain_of(each) for name, each in value.items()}
    return {
        name: each
        for name, each in plain.items()
        if each == each and (each is not None or value[name] is None)
    }


def plain_of(value: Any, levels: int = MOST_LEVELS) -> Any:
    """A value as JSON has it, None for a missing one; what JSON cannot hold stays as it is."""
    kind = type(value)
    if kind in _SIMPLE or kind is float or not levels:
        return value
    if isinstance(value, Mapping):
        return {name: plain_of(each, levels - 1) for name, each in value.items()}
    if isinstance(value, list | tuple) and not hasattr(value, "_asdict"):
        return [plain_of(each, levels - 1) for each in value]
    if isinstance(value, set | frozenset):
        # In an order that is the same in every run.
        return sorted((plain_of(each, levels - 1) for each in value), key=str)
    if (fields := _as_dict(value)) is not None:
        return plain_of(fields, levels - 1)
    return _scalar(value, levels)


def _scalar(value: Any, levels: int) -> Any:
    if type(value).__name__ in _MISSING:
        return None
    if isinstance(value, Enum):
        return plain_of(value.value, levels - 1)
    for plain in (str, bool, int, float):
        if isinstance(value, plain):
            return plain(value)
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    if isinstance(value, _WRITTEN_OUT):
        return str(value)
    if isinstance(value, np.datetime64 | np.timedelta64 | timedelta) or hasattr(value, "isoformat"):
        return _time(value)
    # Of numpy and torch.
    return plain_of(value.tolist(), levels - 1) if hasattr(value, "tolist") else value


def _time(value: Any) -> str | None:
    """A moment or a span of time in ISO 8601."""
    if isinstance(value, np.datetime64 | np.timedelta64) and np.isnat(value):
        return None
    if isinstance(value, np.timedelta64):
        value = value.astype("m8[us]").tolist()
    if isinstance(value, timedelta):
        return duration(value // timedelta(microseconds=1), "us")
    return str(value) if isinstance(value, np.datetime64) else value.isoformat()


def _number(value: Decimal) -> Any:
    """A decimal as a number where that is the same one, else as text."""
    if not value.is_finite():
        return float(value)
    if value == value.to_integral_value() and abs(value) < 2**63:
        return int(value)
    return float(value) if Decimal(repr(float(value))) == value else str(value)
