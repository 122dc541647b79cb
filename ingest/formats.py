"""Which format a source is in, and its rows."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

from ingest.errors import SourceError
from ingest.jsonl import FROM_ARRAY, Rows, read_jsonl
from ingest.records import Reading
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
from ingest.tables import read_csv, read_msmarco, read_tsv

FORMATS = ("jsonl", "csv", "tsv", "msmarco", "parquet", "arrow")
# Names ending so are of that format; anything else is told by its first bytes.
_ENDINGS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".feather": "arrow",
}
# What every message of an Arrow stream begins with.
_ARROW_STREAM = b"\xff\xff\xff\xff"


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
        start = stream.peek(8)
    except DAMAGE as error:
        raise damaged(source.name, 0, error) from error
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.startswith((b"ARROW1", _ARROW_STREAM)):
        return "arrow"
    endings = [e.lower() for e in source.path.suffixes] if source.path else []
    while endings and endings[-1] in COMPRESSED:
        endings.pop()
    kind = _ENDINGS.get(endings[-1]) if endings else None
    head = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if kind in (None, "jsonl") and head.startswith(b"["):
        raise SourceError(
            f"{source.name} is one JSON array and must have one document a line: {FROM_ARRAY}."
        )
    if kind is None and (head.startswith(b"{") or not head):
        kind = "jsonl"
    if kind is None:
        raise SourceError(
            f"the format of {source.name} is not known: name it with --format, "
            f"one of {', '.join(FORMATS)}."
        )
    return kind


_LINE_READERS: dict[str, Callable[[Iterator[Line], str, Reading], Rows]] = {
    "jsonl": read_jsonl,
    "csv": read_csv,
    "tsv": read_tsv,
    "msmarco": read_msmarco,
}
