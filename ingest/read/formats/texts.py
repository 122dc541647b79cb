"""A file of text is one document: its id is its path, its title a heading."""

from __future__ import annotations

import re

from ingest.read.formats.jsonl import RowStream, Text
from ingest.records import Origin, Reject, Row
from ingest.settings import Reading

_HEADING = re.compile(r"\A\s*(?:#+[ \t]+(.+?)[ \t]*#*|(\S.*)\r?\n(?:=+|-+))[ \t]*\r?$", re.M)


def read_text(text: Text, reading: Reading) -> RowStream:
    """One row for a whole file, none for an empty one; the heading is Markdown's, at its start."""
    origin = Origin(text.name, 1)
    data = text.stream.read(reading.max_bytes + 1)
    if len(data) > reading.max_bytes:
        most = f"at most {reading.max_bytes:,} are taken (`Reading.max_bytes`)"
        yield Reject(f"the document has more bytes and {most}", origin, text.name)
        return
    try:
        found = data.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError:
        cure = "name the file's `encoding`, such as `encoding='cp1252'`"
        yield Reject(f"invalid UTF-8: {cure}", origin, text.name)
        return
    if not found.strip():
        return
    heading = _HEADING.search(found)
    title = {"title": heading[1] or heading[2]} if heading else {}
    yield Row(origin, {"id": text.name, **title, "text": found})
