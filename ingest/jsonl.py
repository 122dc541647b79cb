"""JSONL: lines in, rows and rejects out, one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from ingest.records import MEGABYTE, Origin, Reading, Reject, Row
from ingest.sources import Line

# Usual names, tried in this order where no option names a field.
ID_FIELDS = ("_id", "id", "docid", "doc_id", "pid")
TEXT_FIELDS = ("text", "contents", "content", "body", "passage")
TITLE_FIELDS = ("title",)
# Of an unreadable line, so much is kept in the rejects file.
RAW_KEPT = 1 * MEGABYTE

Rows = Iterator["Row | Reject"]


def too_long(line: Line, origin: Origin, most: int) -> Reject | None:
    """The reject for a line beyond `most` bytes, with its beginning; None for any other."""
    size = len(line.data) + line.rest
    if size <= most:
        return None
    reason = f"the document has {size:,} bytes and at most {most:,} are taken (--max-document-mb)"
    raw = line.data[:RAW_KEPT].decode(errors="replace")
    return Reject(reason, origin, raw=raw)


def read_jsonl(lines: Iterator[Line], name: str, reading: Reading) -> Rows:
    """One row a line; blank lines are none."""
    for line in lines:
        data = line.data.strip()
        if not data:
            continue
        origin = Origin(name, line.number)
        yield too_long(line, origin, reading.max_bytes) or parse_json(data, origin)


def parse_json(data: bytes | str, origin: Origin) -> Row | Reject:
    """One JSON object as a row; a line that is none, as a reject with the reason."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        text = data if isinstance(data, str) else data.decode(errors="backslashreplace")
        return Reject(_json_reason(error), origin, raw=text)
    if not isinstance(value, dict):
        text = orjson.dumps(value).decode()
        return Reject(f"the line is {kind_of(value)} and must be an object", origin, raw=text)
    return Row(origin, value)


def _json_reason(error: orjson.JSONDecodeError) -> str:
    said = str(error)
    if "surrogate" in said and "utf-8" not in said.lower():
        return f"lone surrogate in a \\u escape: {said}"
    if "utf-8" in said.lower():
        return "invalid UTF-8"
    return f"broken JSON: {said}"


def kind_of(value: Any) -> str:
    """What a JSON value is, in words."""
    if value is None:
        return "null"
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
