"""Lines of other programs' exports: bulk requests, hits of an index, MongoDB's extended JSON."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from ingest.read.formats.jsonl import RowStream
from ingest.records import Reject, Row

_ACTION = re.compile(rb'\s*\{\s*"(index|create|update|delete)"\s*:\s*\{')
_HIT = re.compile(rb'"_source"\s*:\s*\{')
_EXTENDED = re.compile(
    rb'\{\s*"\$(oid|date|number(Int|Long|Double|Decimal)|binary|uuid|timestamp)"\s*:'
)
# Beside its document a hit has only what the cluster adds, most of which begins with _.
_OF_A_HIT = frozenset(("sort", "fields", "highlight", "matched_queries", "found"))
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_WHOLE = ("$numberInt", "$numberLong")


def without_wrapping(rows: RowStream, ahead: bytes) -> RowStream:
    """Rows with the documents of an export; ahead: the beginning of the file, which tells."""
    if _ACTION.match(ahead):
        rows = _of_bulk(rows)
    elif _HIT.search(ahead):
        rows = (_of_hit(row) if isinstance(row, Row) else row for row in rows)
    if _EXTENDED.search(ahead):
        return (_of_mongo(row) if isinstance(row, Row) else row for row in rows)
    return rows


def _of_bulk(rows: RowStream) -> RowStream:
    """The documents of a bulk request, each with the id of the action line before it."""
    action: dict[str, Any] | None = None
    for row in rows:
        if isinstance(row, Reject):
            action = None
            yield row
            continue
        kind = next(iter(row.value), "")
        if action is not None:
            yield _with_id(row, row.value, action)
            action = None
        elif kind in ("index", "create") and isinstance(row.value[kind], dict):
            action = row.value[kind]
        elif kind in ("update", "delete"):
            said = "removes a document" if kind == "delete" else "changes a part of a document"
            yield Reject(f"the action {said} and brings none", row.origin, document=row.value)
            if kind == "update":
                next(rows, None)
        else:
            yield row


def _of_hit(row: Row) -> Row:
    value = row.value
    source = value.get("_source")
    if not isinstance(source, dict):
        return row
    if any(not key.startswith("_") for key in value.keys() - _OF_A_HIT):
        return row
    return _with_id(row, source, value)


def _with_id(row: Row, source: dict[str, Any], named: dict[str, Any]) -> Row:
    found = named.get("_id")
    return replace(row, value=source if found is None else {"_id": found, **source})


def _of_mongo(row: Row) -> Row:
    if row.raw is not None:  # refused later, for what it holds
        return row
    return replace(row, value={key: _plain(each) for key, each in row.value.items()})


def _plain(value: Any) -> Any:
    """A value of MongoDB's extended JSON, canonical or relaxed, as JSON has it."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    kind, held = next(iter(value.items()), ("", None))
    if not kind.startswith("$"):
        return {key: _plain(each) for key, each in value.items()}
    if kind == "$date":
        return _date(_plain(held))
    if kind in _WHOLE and isinstance(held, str):
        return int(held)
    if kind in ("$numberDouble", "$numberDecimal") and isinstance(held, str):
        return float(held)
    return _within(held)


def _date(held: Any) -> Any:
    """ISO 8601 of milliseconds since 1970; what is text already, and out of range, stays."""
    try:
        return (_EPOCH + timedelta(milliseconds=held)).isoformat()
    except (TypeError, OverflowError):
        return held


def _within(held: Any) -> Any:
    """The value that an object such as $binary or $timestamp is about."""
    if isinstance(held, dict):
        return next((held[key] for key in ("base64", "t", "pattern") if key in held), held)
    return held
