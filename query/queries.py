"""Files of queries: JSONL, tables with a header, ids and texts, or texts alone."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from query.errors import QueryError
from query.question import Query

# First bytes of a compressed file -> what unpacks it.
_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
_IDS, _TEXTS = ("_id", "id", "qid", "query_id"), ("text", "query", "title")


def read_queries(path: str | Path) -> list[Query]:
    """All queries of a file or BEIR folder, as `parse_queries` reads them; raises QueryError."""
    given = Path(path) / "queries.jsonl" if Path(path).is_dir() else Path(path)
    try:
        with given.open("rb") as file:
            return parse_queries(file, str(given))
    except OSError as error:
        raise QueryError(f"the queries {given} cannot be read: {error.strerror}.") from error


def parse_queries(lines: Iterable[bytes], name: str) -> list[Query]:
    """All queries of a file, in its order; empty lines are skipped.

    The form follows from the file's name (.jsonl, .csv, .tsv), else from the first line that is not
    empty: a JSON object, the header of a table, an id and a text with a tab between them, or a
    text, whose id then is the line's number; so is that of a table without a column for it. Raises
    QueryError for a line that is not of that form, and for an id met twice.
    """
    lines = iter(lines)
    first = next(lines, b"")
    header = _header(_decoded(first, name, 1), name)
    if header:
        return _once(_of_table(header, lines, name), name)
    lines = chain([first] if first else [], lines)
    return _once(_of_lines(lines, name), name)


def _once(found: Iterable[tuple[int, Query]], name: str) -> list[Query]:
    """The queries, whose ids must be of their own; each with its line's number."""
    queries: dict[str, Query] = {}
    for number, query in found:
        if query.id in queries:
            raise QueryError(
                f"{name}:{number}: the query id {query.id!r} was met before: give each its own id."
            )
        queries[query.id] = query
    if not queries:
        raise QueryError(f"{name} has no queries: write one a line.")
    return list(queries.values())


@dataclass(frozen=True)
class _Header:
    """The columns of a table, by number; id: None where the row's line is the id."""

    separator: str
    id: int | None
    text: int


def _header(line: str, name: str) -> _Header | None:
    """What the first line of a table says of its columns; None where it is no such line."""
    for separator in ",\t":
        cells = next(csv.reader([line.strip("\r\n\ufeff")], delimiter=separator), [])
        known = [cell.strip().lower() for cell in cells]
        id_, text = ([known.index(n) for n in names if n in known] for names in (_IDS, _TEXTS))
        if text and ((len(cells) > 1 and id_) or name.endswith(".csv")):
            return _Header(separator, id_[0] if id_ else None, text[0])
    if name.endswith(".csv"):
        raise QueryError(
            f"{name}:1: no column for the text of a query: call it text or query, and that of the "
            "id qid, in a first line."
        )
    return None


def _of_table(header: _Header, lines: Iterable[bytes], name: str) -> Iterator[tuple[int, Query]]:
    """The rows below a header, quoted where commas part them; empty ones are none."""
    text = (_decoded(raw, name, number) for number, raw in enumerate(lines, start=2))
    if header.separator == ",":
        rows = csv.reader(text)
    else:
        rows = csv.reader(text, delimiter="\t", quoting=csv.QUOTE_NONE)
    for cells in rows:
        number = rows.line_num + 1
        if not any(map(str.strip, cells)):
            continue
        if len(cells) <= max(header.text, header.id or 0):
            raise QueryError(
                f"{name}:{number}: the row has {len(cells)} columns, which is less than the header."
            )
        id_ = str(number) if header.id is None else cells[header.id].strip()
        if not id_:
            raise QueryError(f"{name}:{number}: the query has no id: give each its own.")
        yield number, Query(id_, cells[header.text].strip())


def _of_lines(lines: Iterable[bytes], name: str) -> Iterator[tuple[int, Query]]:
    form = "jsonl" if name.endswith((".jsonl", ".ndjson")) else None
    form = "tsv" if name.endswith(".tsv") else form
    for number, raw in enumerate(lines, start=1):
        text = _decoded(raw, name, number).strip("\r\n\ufeff")
        if not text.strip():
            continue
        form = form or _form(text, name, number)
        yield number, _query(text, form, name, number)


def _form(text: str, name: str, number: int) -> str:
    if text.lstrip().startswith("["):
        try:
            is_array = isinstance(json.loads(text), list)
        except json.JSONDecodeError:
            is_array = text.strip() in ("[", "[{")
        if is_array:
            raise QueryError(
                f"{name}:{number}: a JSON array, whose queries would be taken for one: write one "
                "JSON object a line, as `jq -c '.[]'` does."
            )
    return "jsonl" if text.startswith("{") else "tsv" if "\t" in text else "plain"


def _decoded(raw: bytes, name: str, number: int) -> str:
    if number == 1 and (program := next((p for m, p in _PACKED.items() if raw.startswith(m)), "")):
        raise QueryError(
            f"{name} is compressed: unpack it, as in `{program} -dc {name} > queries`."
        )
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise QueryError(
            f"{name}:{number}: byte {raw[error.start]:#04x} is not UTF-8: convert the file."
        ) from error


def _query(text: str, form: str, name: str, number: int) -> Query:
    if form == "plain":
        return Query(str(number), text.strip())
    if form == "tsv":
        id_, tab, rest = text.partition("\t")
        if not tab or not id_.strip():
            raise QueryError(
                f"{name}:{number}: no tab between an id and a text: write both, or no ids at all."
            )
        return Query(id_.strip(), rest.strip())
    return _of_object(_object(text, name, number), name, number)


def _object(text: str, name: str, number: int) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise QueryError(
            f"{name}:{number}: not valid JSON at column {error.colno}: {error.msg}."
        ) from error
    if not isinstance(found, dict):
        raise QueryError(f"{name}:{number}: not a JSON object: write an id and a text.")
    return found


def _of_object(found: dict[str, Any], name: str, number: int) -> Query:
    id_ = next((found[key] for key in _IDS if found.get(key) is not None), None)
    text = next((found[key] for key in _TEXTS if isinstance(found.get(key), str)), None)
    if id_ is None or text is None:
        raise QueryError(
            f"{name}:{number}: the query has no {'id' if id_ is None else 'text'}: write it as "
            '{"_id": "q1", "text": "..."}.'
        )
    if isinstance(id_, bool) or not isinstance(id_, (str, int)):
        raise QueryError(
            f"{name}:{number}: the query's id is {json.dumps(id_)[:40]}: give a text or a number."
        )
    return Query(str(id_), text)
