"""JSONL, CSV, TSV and MS MARCO: lines in, rows and rejects out, one at a time."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from ingest.errors import SourceError
from ingest.records import MEGABYTE, Origin, Reading, Reject, Row
from ingest.sources import (
    COMPRESSED,
    DAMAGE,
    Line,
    Position,
    Source,
    Stream,
    bounded_lines,
    damaged,
    opened,
)

FORMATS = ("jsonl", "csv", "tsv", "msmarco", "parquet", "arrow")
# Usual names, tried in this order where no option names a field.
ID_FIELDS = ("_id", "id", "docid", "doc_id", "pid")
TEXT_FIELDS = ("text", "contents", "content", "body", "passage")
TITLE_FIELDS = ("title",)
# Names ending so are of that format; anything else is told by its first bytes.
_ENDINGS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
}
# Of an unreadable line, so much is kept in the rejects file.
RAW_KEPT = 1 * MEGABYTE

Rows = Iterator["Row | Reject"]


def read_source(source: Source, reading: Reading, position: Position) -> Rows:
    """Every row of one source, and a reject for every line that is no row.

    Raises SourceError where the file cannot be opened, its format is not known, or it is damaged.
    """
    with opened(source, position) as stream:
        kind = reading.format or _format_of(source, stream)
        if kind in ("parquet", "arrow"):
            from ingest.columnar import read_columnar

            if not isinstance(getattr(stream, "raw", None), io.FileIO):
                raise SourceError(f"{source.name} is {kind} and compressed: decompress it first.")
            yield from read_columnar(source, kind, position)
        else:
            lines = bounded_lines(stream, source.name, reading.max_bytes)
            yield from _LINE_READERS[kind](lines, source.name, reading)


def _format_of(source: Source, stream: Stream) -> str:
    try:
        start = stream.peek(8)[:8]
    except DAMAGE as error:
        raise damaged(source.name, 0, error) from error
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.startswith(b"ARROW1"):
        return "arrow"
    endings = [e.lower() for e in source.path.suffixes] if source.path else []
    while endings and endings[-1] in COMPRESSED:
        endings.pop()
    kind = _ENDINGS.get(endings[-1]) if endings else None
    head = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if kind in (None, "jsonl") and head.startswith(b"["):
        raise SourceError(
            f"{source.name} is one JSON array and must have one document a line: "
            "convert it with `jq -c '.[]'`."
        )
    if kind is None and (head.startswith(b"{") or not start):
        kind = "jsonl"
    if kind is None:
        raise SourceError(
            f"the format of {source.name} is not known: name it with --format, "
            f"one of {', '.join(FORMATS)}."
        )
    return kind


def _too_long(line: Line, origin: Origin, most: int) -> Reject | None:
    size = len(line.data) + line.rest
    if size <= most:
        return None
    reason = f"the document has {size:,} bytes and at most {most:,} are taken (--max-document-mb)"
    raw = line.data[:RAW_KEPT].decode(errors="replace")
    return Reject(reason, origin, raw=raw)


def _read_jsonl(lines: Iterator[Line], name: str, reading: Reading) -> Rows:
    for line in lines:
        data = line.data.strip()
        if not data:
            continue
        origin = Origin(name, line.number)
        yield _too_long(line, origin, reading.max_bytes) or parse_json(data, origin)


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


class _Table:
    """Decoded lines for the csv module, which remembers what the current row was made of."""

    def __init__(self, lines: Iterator[Line], name: str, most: int) -> None:
        self._lines, self._name, self._most = lines, name, most
        self.refused: list[Reject] = []
        self.raw: list[str] = []
        self.first = 0

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            origin = Origin(self._name, line.number)
            if refused := _too_long(line, origin, self._most):
                self.refused.append(refused)
                continue
            text = line.data.decode(errors="surrogateescape")
            self.first = self.first or line.number
            self.raw.append(text)
            yield text

    def taken(self) -> tuple[Origin, str]:
        """Where the row just read began and what it was; then the next row begins."""
        origin, raw = Origin(self._name, self.first), "".join(self.raw)
        self.first, self.raw = 0, []
        return origin, raw


def _cells(table: _Table, most: int, *, quoted: bool) -> Iterator[list[str] | Reject]:
    csv.field_size_limit(most)
    lines = iter(table)
    rows = (
        csv.reader(lines, strict=True)
        if quoted
        else (line.rstrip("\r\n").split("\t") for line in lines)
    )
    while True:
        try:
            cells = next(rows, None)
        except csv.Error as error:
            lines_taken = len(table.raw)
            origin, raw = table.taken()
            # A quote that nothing closes takes in the lines that follow.
            where = f" in {lines_taken:,} lines from here" if lines_taken > 1 else ""
            yield Reject(f"broken CSV{where}: {error}", origin, raw=_shown(raw))
            continue
        yield from table.refused
        table.refused.clear()
        if cells is None:
            return
        yield cells


def _shown(raw: str) -> str:
    return raw[:RAW_KEPT].encode(errors="surrogateescape").decode(errors="backslashreplace")


def _read_table(
    lines: Iterator[Line], name: str, reading: Reading, *, quoted: bool, header: bool = True
) -> Rows:
    table = _Table(lines, name, reading.max_bytes)
    columns = [] if header else ["id", "text"]
    for cells in _cells(table, reading.max_bytes, quoted=quoted):
        if isinstance(cells, Reject):
            yield cells
            continue
        origin, raw = table.taken()
        if not any(cells):
            continue
        if not columns:
            columns = _columns(cells, reading, quoted, name)
            if columns is cells:
                continue
        yield _table_row(columns, cells, origin, raw)


def _columns(cells: list[str], reading: Reading, quoted: bool, name: str) -> list[str]:
    """The header; or, for two columns with no known name among them, what MS MARCO's are."""
    known = {*ID_FIELDS, *TEXT_FIELDS, *TITLE_FIELDS, reading.id_field, *reading.text_fields}
    if known & set(cells):
        if len(set(cells)) != len(cells):
            raise SourceError(f"{name} has a column twice in its header: rename one of them.")
        return cells
    if not quoted and len(cells) == 2 and not reading.id_field and not reading.text_fields:
        return ["id", "text"]
    raise SourceError(
        f"the header of {name} ({', '.join(cells)[:200]}) has no column for the text: name it with "
        "--text-field, or say --format msmarco for two columns without a header."
    )


def _table_row(columns: list[str], cells: list[str], origin: Origin, raw: str) -> Row | Reject:
    if not raw.isascii() and any("\udc80" <= mark <= "\udcff" for mark in raw):
        return Reject("invalid UTF-8", origin, raw=_shown(raw))
    if len(cells) != len(columns):
        reason = f"the row has {len(cells)} columns and the header has {len(columns)}"
        return Reject(reason, origin, raw=_shown(raw))
    return Row(origin, {name: cell for name, cell in zip(columns, cells, strict=True) if cell})


def _read_csv(lines: Iterator[Line], name: str, reading: Reading) -> Rows:
    return _read_table(lines, name, reading, quoted=True)


def _read_tsv(lines: Iterator[Line], name: str, reading: Reading) -> Rows:
    # A tab-separated file has no quoting: MS MARCO's texts begin with quotes that are their own.
    return _read_table(lines, name, reading, quoted=False)


def _read_msmarco(lines: Iterator[Line], name: str, reading: Reading) -> Rows:
    return _read_table(lines, name, reading, quoted=False, header=False)


_LINE_READERS: dict[str, Callable[[Iterator[Line], str, Reading], Rows]] = {
    "jsonl": _read_jsonl,
    "csv": _read_csv,
    "tsv": _read_tsv,
    "msmarco": _read_msmarco,
}
