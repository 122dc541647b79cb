"""JSON over several lines: an array, an object with a list inside, or objects one after another."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import ijson
import orjson

from ingest.errors import SourceError
from ingest.read.formats.arrow import as_text
from ingest.read.formats.dumps import without_wrapping
from ingest.read.formats.jsonl import AHEAD, RowStream, Text, is_json, read_jsonl
from ingest.read.values import ID_FIELDS, MOST_LEVELS, TEXT_FIELDS, TITLE_FIELDS, is_odd, kind_of
from ingest.records import Origin, Reject, Row
from ingest.settings import Reading
from tandem.base.errors import one_line

_ITEM = ".item"
# What the answer of a search says of its shards is no list of documents.
_NO_LISTS = "_shards."
_OF_DOCUMENTS = {*ID_FIELDS, *TEXT_FIELDS, *TITLE_FIELDS, "_source"}
_END = object()
_DIGITS = b"0123456789"


def read_json(text: Text, reading: Reading) -> RowStream:
    """One row a line of JSONL; else one for each object of a list, or for each there is.

    A row that is of no line has its number in `origin.line`. Raises SourceError where JSON over
    several lines is broken, naming the document after which it is.
    """
    ahead = text.ahead()
    path = _path(ahead.removeprefix(b"\xef\xbb\xbf").lstrip(), reading)
    rows = read_jsonl(text, reading) if path is None else _elements(text, path, reading.max_bytes)
    return without_wrapping(rows, ahead.removeprefix(b"\xef\xbb\xbf"))


def _path(ahead: bytes, reading: Reading) -> str | None:
    """Where ijson finds the documents: "item" in an array, "" for objects; None in JSONL."""
    if ahead.startswith(b"["):
        return "item"
    first, end, rest = ahead.partition(b"\n")
    several = bool(rest.strip())
    if not is_json(first):
        if not first.startswith(b"{"):
            return None
        # Of one long line only a list of documents is no JSONL.
        return _within(ahead, reading) if several else _list(ahead, reading, end)
    return None if several else _list(ahead, reading, end)


def _list(ahead: bytes, reading: Reading, end: bytes) -> str | None:
    """The list within one line that is an object; None where that is a document itself."""
    return _within(ahead, reading, sure=not end and len(ahead) == AHEAD) or None


def _within(ahead: bytes, reading: Reading, *, sure: bool = False) -> str | None:
    """The list of documents within an object, "" where it is a document; None where it is none.

    sure: only a list of what has an id, a text or a title.
    """
    ahead = _LongIntegers().before_the_first(ahead)
    names = {*ID_FIELDS, *TEXT_FIELDS, reading.id_field, *reading.text_fields}
    lists: dict[str, set[str]] = {}
    last, arrays, whole, document = "", 0, True, False
    try:
        for prefix, event, value in ijson.parse(io.BytesIO(ahead), multiple_values=True):
            if event == "map_key" and not prefix and value in names:
                document = True
            if event == "start_map" and prefix == f"{last}{_ITEM}":
                lists.setdefault(prefix, set())
            elif event == "map_key" and prefix in lists:
                lists[prefix].add(value)
            last = prefix if event == "start_array" and not arrays else ""
            arrays += (event == "start_array") - (event == "end_array")
    except ijson.IncompleteJSONError as error:
        whole = "premature EOF" in str(error)
    except ijson.JSONError:
        whole = False
    if document:
        return "" if whole else None
    lists = {path: keys for path, keys in lists.items() if not path.startswith(_NO_LISTS)}
    wanted = _OF_DOCUMENTS | names
    likely = next((path for path, keys in lists.items() if keys & wanted), None)
    if likely or (lists and not sure):
        return likely or next(iter(lists))
    return "" if whole else None


class _LongIntegers:
    """Finds integers of more digits than Python reads, at which ijson's parser ends the process.

    (ijson 3.6.0, backends/ext/_yajl2: `number` does not look whether PyLong_FromString failed.)
    """

    def __init__(self) -> None:
        self.most: int = getattr(sys, "get_int_max_str_digits", lambda: 0)() or sys.maxsize
        # The digits at the end of what was seen, and what stands before them.
        self._count, self._before = 0, b""

    def before_the_first(self, data: bytes) -> bytes:
        """The data up to such an integer, or all of it."""
        if self.most >= len(data):
            return data
        found = re.search(rb"(?<=[\s\[,:])-?[0-9]{%d,}" % (self.most + 1), data)
        return data[: found.start()] if found else data

    def see(self, data: bytes) -> tuple[int, int] | None:
        """How many digits an integer has that ends in what comes next, and where it begins there.

        None where none has too many; empty data is the end.
        """
        rest = data.lstrip(_DIGITS)
        count = self._count + len(data) - len(rest)
        if data and not rest:
            self._count = count
            return None
        if self._is_integer(self._before, count, rest):
            return count, 0
        inside = rest.rstrip(_DIGITS)
        self._count, self._before = len(rest) - len(inside), inside[-1:]
        # So many digits in a row hold one of these places, which few do.
        for place in range(self.most, len(inside), self.most + 1):
            head, tail = inside[:place].rstrip(_DIGITS), inside[place:].lstrip(_DIGITS)
            count = len(inside) - len(head) - len(tail)
            if self._is_integer(head[-1:], count, tail):
                return count, len(data) - len(rest) + len(head)
        return None

    def _is_integer(self, before: bytes, count: int, after: bytes) -> bool:
        """Whether digits are one, and not a part of a text or a fraction."""
        return (
            count > self.most
            and before in (b"[", b",", b":", b"-", b" ", b"\t", b"\n", b"\r")
            and (after[:1] in b" \t\r\n,]}")
        )


class _Bounded:
    """A stream that refuses to be read far beyond its last document, or what cannot be read."""

    def __init__(self, text: Text, most: int) -> None:
        self._text, self._most, self.documents, self._read = text, most + 2 * AHEAD, 0, 0
        self._integers, self._digits = _LongIntegers(), 0

    def read(self, size: int) -> bytes:
        data = b"" if self._digits else self._text.stream.read1(size)
        self._read += len(data)
        if found := self._integers.see(data):
            self._digits, place = found
            data = data[:place]  # of the documents before it
        if self._digits and not data:
            raise SourceError(
                f"{self._text.name} has an integer of {self._digits:,} digits after document "
                f"{self.documents} and at most {self._integers.most:,} are taken: make it a string."
            )
        if self._read > self._most:
            raise SourceError(
                f"{self._text.name} has a document of more than {self._most - 2 * AHEAD:,} bytes "
                f"after number {self.documents}: raise `Reading.max_bytes`."
            )
        return data

    def found(self) -> int:
        """Say that there is one more; its number, from 1."""
        self.documents, self._read = self.documents + 1, 0
        return self.documents


def _elements(text: Text, path: str, most: int) -> Iterator[Row | Reject]:
    source = _Bounded(text, most)
    found = ijson.items(source, path, buf_size=AHEAD, multiple_values=not path)
    while True:
        try:
            value = next(found, _END)
        except (ijson.JSONError, UnicodeDecodeError) as error:
            said = one_line(error, 100)
            raise SourceError(
                f"{text.name} is broken JSON after document {source.documents} ({said}): write it "
                "again, and run the same command; what was stored is kept."
            ) from error
        if value is _END:
            return
        origin = Origin(text.name, source.found())
        try:
            row = _row(_floats(value), origin, most)
        except RecursionError:
            said = f"nested too deeply and at most {MOST_LEVELS} levels are taken: flatten it"
            row = Reject(f"the document is {said}", origin)
        yield row


def _row(value: Any, origin: Origin, most: int) -> Row | Reject:
    if not isinstance(value, dict):
        reason = f"the element is {kind_of(value)} and must be an object"
        return Reject(reason, origin, raw=json.dumps(value, default=str))
    try:
        size = len(orjson.dumps(value))
    except TypeError:  # an integer of more than 64 bits, or too many levels
        return Row(origin, value, as_text(value))
    if size > most:
        said = f"the document has {size:,} bytes and at most {most:,} are taken"
        return Reject(f"{said} (`Reading.max_bytes`)", origin, document=value)
    return Row(origin, value, as_text(value) if is_odd(value.values()) else None)


def _floats(value: Any) -> Any:
    """The value with floats for Decimals, as JSON is read elsewhere."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {key: _floats(each) for key, each in value.items()}
    return [_floats(each) for each in value] if isinstance(value, list) else value
