"""What the tests of reading share: files with a content, and what is read of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ingest import Reading
from ingest.read.documents import DocumentMaker
from ingest.read.rejects import envelope
from ingest.read.rows import Rows
from ingest.records import Document, Reject, Row
from mappings import Fields


def put(folder: Path, name: str, data: bytes | str) -> Path:
    """A file with this content."""
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def read(source: Any, **reading: Any) -> list[Row | Reject]:
    """Every row and reject of a source."""
    return list(Rows(source, Reading(**reading)))


def values(rows: list[Row | Reject]) -> list[dict[str, Any]]:
    """What is in rows of which none may be a reject."""
    assert not [row for row in rows if isinstance(row, Reject)]
    return [row.value for row in rows if isinstance(row, Row)]


def made(source: Any, **reading: Any) -> list[Document | Reject]:
    """Every document and reject of a source."""
    maker = DocumentMaker(Reading(**reading), Fields())
    return list(maker.make(iter(Rows(source, Reading(**reading)))))


def again(reject: Reject, **changes: Any) -> Document | Reject:
    """What becomes of a reject's line in the rejects file, with these changes, as a document."""
    row = Row(reject.origin, json.loads(json.dumps(envelope(reject))) | changes)
    (found,) = DocumentMaker(Reading(), Fields()).make(iter([row]))
    return found
