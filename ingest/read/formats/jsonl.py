"""JSONL: lines in, rows and rejects out, one at a time and within the limits of a line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import orjson

from ingest.read.sources.streams import DAMAGE, Line, Stream, bounded_lines
from ingest.read.values import fault_of, integer, is_odd, kind_of, levels_of, too_deep
from ingest.records import Origin, Reject, Row
from ingest.settings import MEGABYTE, Reading

# Of an unreadable line, so much is kept in the rejects file.
RAW_KEPT = 1 * MEGABYTE
AHEAD = 1 << 16

# Numbers that Python writes and JSON does not have; and what orjson says of one beyond any float.
_NO_JSON = (b"NaN", b"Infinity")
_BEYOND = "number is infinity"

RowStream = Iterator["Row | Reject"]


@dataclass(frozen=True)
class Text:
    """The opened text of a source; tell: takes what is to be said of it, in whole sentences."""

    name: str
    stream: Stream
    tell: Callable[[str], None]

    def lines(self, most: int) -> Iterator[Line]:
        """Its lines, of each at most so many bytes."""
        return bounded_lines(self.stream, self.name, most)

    def ahead(self) -> bytes:
        """Some of what comes next, up to 64 KiB, which stays to be read; waits for a pipe."""
        try:
            return self.stream.peek(AHEAD)[:AHEAD]
        except DAMAGE:  # told when it is read
            return b""


def too_long(line: Line, origin: Origin, most: int) -> Reject | None:
    """The reject for a line beyond `most` bytes, with its beginning; None for any other."""
    size = len(line.data) + line.rest
    if size <= most:
        return None
    reason = f"the document has {size:,} bytes and at most {most:,} are taken (`Reading.max_bytes`)"
    raw = line.data[:RAW_KEPT].decode(errors="replace")
    return Reject(reason, origin, raw=raw)


def read_jsonl(text: Text, reading: Reading) -> RowStream:
    """One row a line; blank lines are none."""
    for line in text.lines(reading.max_bytes):
        data = line.data.strip()
        if not data:
            continue
        origin = Origin(text.name, line.number)
        yield too_long(line, origin, reading.max_bytes) or parse_json(data, origin)


def is_json(data: bytes) -> bool:
    """Whether it is JSON, with numbers however large."""
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError as error:
        if _BEYOND not in str(error):
            return False
        try:
            json.loads(data, parse_int=integer)
        except (ValueError, RecursionError):
            return False
    return True


def parse_json(data: bytes | str, origin: Origin) -> Row | Reject:
    """One JSON object as a row; a line that is none, as a reject with the reason."""
    if isinstance(data, str):
        data = data.encode()
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        foreign = _BEYOND in str(error) or any(word in data for word in _NO_JSON)
        if foreign and (row := _lenient_row(data, origin)):
            return row
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


def _lenient_row(data: bytes, origin: Origin) -> Row | None:
    """The row of a line that is JSON but for NaN or a number beyond all, told by its field."""
    try:
        text = data.decode()
        value = json.loads(text, parse_int=integer)
    except (ValueError, RecursionError):
        return None
    return Row(origin, value, text) if isinstance(value, dict) and fault_of(value) else None


def _json_reason(error: orjson.JSONDecodeError, data: bytes) -> str:
    said = str(error)
    if "depth limit" in said:
        return too_deep(levels_of(data))
    if "surrogate" in said and "utf-8" not in said.lower():
        return f"lone surrogate in a \\u escape: {said}"
    if "utf-8" in said.lower():
        return "invalid UTF-8"
    return f"broken JSON: {said}"
