"""Files of queries: whatever documents are read from, ids and texts in lines, or texts alone."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePath
from typing import Any

from ingest import Reading, SourceError
from ingest.read.formats.jsonl import RowStream
from ingest.read.rows import read_source, rows_of_stream
from ingest.read.sources.archives import is_workbook, members
from ingest.read.sources.encoding import in_utf_8
from ingest.read.sources.files import Position, SourceFile, find_sources, opened
from ingest.read.sources.format import ending, marked
from ingest.read.sources.streams import Stream, bounded_lines
from ingest.records import Reject
from query import Query, QueryError
from tandem.base.arguments import checked_arguments
from tandem.base.process.redact import redacted_path

_IDS, _TEXTS = ("_id", "id", "qid", "query_id"), ("text", "query", "title")
_READING = Reading(text_fields=_TEXTS)
_OF_BEIR = "queries.jsonl"
_SEPARATORS = {",": "csv", "\t": "tsv", ";": "csv", "|": "csv"}
_ENDINGS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "csv", ".tsv": "tsv"}
_JSON = re.compile(rb'\s*(\{|\[\s*([{\]"]|$))')

# A query and the number of its line or row.
_Found = tuple[int, Query]


@checked_arguments(QueryError)
def read_queries(source: str | Path) -> list[Query]:
    """All queries of a file, a BEIR folder or an address, in their order; "-" is standard input.

    JSON in lines or as a list, tables, Parquet and Arrow, compressed or in an archive, by the names
    of their fields (_id, id, qid, query_id; text, query, title); else an id and a text with a tab
    between them, or a text alone in each line, whose id then is the line's number; so is that of a
    table without a column for it. Empty lines are none. Raises QueryError for what is no query,
    naming its line, and for an id met twice.
    """
    try:
        found = ((file, *each) for file in _files(source) for each in _of_file(file))
        return _once(found, source)
    except SourceError as error:
        raise QueryError(f"the queries cannot be read: {error}") from error


def _files(source: str | Path) -> list[SourceFile]:
    folder = Path(source)
    if folder.is_dir() and (found := sorted(folder.glob(f"{_OF_BEIR}*"))):
        return [SourceFile(found[0])]
    return find_sources(source)


def _once(found: Iterable[tuple[SourceFile, int, Query]], source: str | Path) -> list[Query]:
    """The queries, whose ids must be of their own; each with its line's number."""
    queries: dict[str, Query] = {}
    for file, number, query in found:
        if query.id in queries:
            raise QueryError(
                f"{file.name}:{number}: the query id {query.id!r} was met before: give each its "
                "own id."
            )
        queries[query.id] = query
    if not queries:
        raise QueryError(f"{redacted_path(str(source))} has no queries: write one a line.")
    return list(queries.values())


def _of_file(file: SourceFile) -> Iterator[_Found]:
    with opened(file, Position([])) as stream:
        kind = marked(file.name, stream)
        if kind in ("zip", "tar") and not is_workbook(file):
            for path, member, _ in members(file, kind, _OF_BEIR):
                yield from _of_stream(f"{file.name}:{path}", path, member)
        elif kind:
            rows = read_source(file, _READING, Position([]), _unsaid)
            yield from _of_rows(rows, numbered=None)
        else:
            yield from _of_stream(file.name, file.pure, stream)


def _unsaid(said: str) -> None:
    """What is odd of a table's dialect shows in its queries."""


def _of_stream(name: str, path: PurePath | None, stream: Stream) -> Iterator[_Found]:
    stream = in_utf_8(stream, name, None)
    kind = _ENDINGS.get(ending(path)) if path else None
    head = stream.peek(1 << 16).removeprefix(b"\xef\xbb\xbf")
    first = head.partition(b"\n")[0].decode(errors="replace").strip("\r")
    if kind == "jsonl" or (kind is None and _JSON.match(head)):
        rows = rows_of_stream(name, "jsonl", stream, _READING, _unsaid)
        return _of_rows(rows, numbered=False)
    for separator, table in _SEPARATORS.items():
        names = _names(first, separator)
        if names & {*_TEXTS} and (kind == "csv" or names & {*_IDS}):
            rows = rows_of_stream(name, table, stream, _READING, _unsaid)
            return _of_rows(rows, numbered=not names & {*_IDS})
    if kind == "csv" and first:
        raise QueryError(
            f"{name}:1: no column for the text of a query: call it text or query, and that of the "
            "id qid, in a first line."
        )
    return _of_lines(name, stream, "tsv" if kind == "tsv" else None)


def _names(header: str, separator: str) -> set[str]:
    cells = next(csv.reader([header], delimiter=separator), [])
    return {cell.strip().lower() for cell in cells}


def _of_rows(rows: RowStream, *, numbered: bool | None) -> Iterator[_Found]:
    """Queries by the names of their fields.

    numbered: whether the row's number is the id; None where the first row tells.
    """
    for row in rows:
        number, at = row.origin.line, f"{row.origin.file}:{row.origin.line}"
        found = _refused(row, at) if isinstance(row, Reject) else row.value
        value = {str(key).strip().lower(): each for key, each in found.items()}
        if numbered is None:
            numbered = _first(value, _IDS) is None
        id_ = number if numbered else _first(value, _IDS)
        yield number, _query(id_, _first(value, _TEXTS), at)


def _refused(row: Reject, at: str) -> dict[str, Any]:
    """A row that is no document's but may be a query's: half a character costs that one alone."""
    with suppress(ValueError, TypeError, RecursionError):
        found = json.loads(row.raw or "")
        if isinstance(found, dict):
            return found
    raise QueryError(f"{at}: {row.reason}.")


def _first(value: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((value[name] for name in names if value.get(name) is not None), None)


def _query(id_: Any, text: Any, at: str) -> Query:
    if id_ is None or not isinstance(text, str):
        raise QueryError(
            f"{at}: the query has no {'id' if id_ is None else 'text'}: write it as "
            '{"_id": "q1", "text": "..."}.'
        )
    if isinstance(id_, bool) or not isinstance(id_, str | int):
        raise QueryError(
            f"{at}: the query's id is {json.dumps(id_)[:40]}: give a text or a number."
        )
    return Query(str(id_).strip(), text.strip())


def _of_lines(name: str, stream: Stream, form: str | None) -> Iterator[_Found]:
    """Lines of an id, a tab and a text, as the first one that is not empty has it, or of texts."""
    for line in bounded_lines(stream, name, _READING.max_bytes):
        at = f"{name}:{line.number}"
        try:
            text = line.data.decode().strip("\r\n")
        except UnicodeDecodeError as error:
            byte = line.data[error.start]
            raise QueryError(f"{at}: byte {byte:#04x} is not UTF-8: convert the file.") from error
        if not text.strip():
            continue
        form = form or ("tsv" if "\t" in text else "plain")
        id_, tab, rest = text.partition("\t")
        if form == "plain":
            yield line.number, Query(str(line.number), text.strip())
        elif tab and id_.strip():
            yield line.number, Query(id_.strip(), rest.strip())
        else:
            said = "no tab between an id and a text: write both, or no ids at all"
            raise QueryError(f"{at}: {said}.")
