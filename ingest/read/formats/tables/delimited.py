"""CSV, TSV and MS MARCO: lines in, rows and rejects out, one at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain

from ingest.errors import SourceError
from ingest.read.formats.jsonl import RowStream, Text, too_long
from ingest.read.formats.tables.dialect import CsvError, Dialect, in_lines, look
from ingest.read.sources.streams import Line
from ingest.read.values import ID_FIELDS, TEXT_FIELDS, TITLE_FIELDS, column_twice, repeated
from ingest.records import Origin, Reject, Row
from ingest.settings import Reading

TAB = "\t"
INVALID = "invalid UTF-8"
_CURE = ": name the file's `encoding`, such as `encoding='cp1252'`"
# A header, cells quoted or not, that goes on after a CR.
_CR_ALONE = re.compile(rb'(?:"[^"]*"|[^"\r\n])*\r+[^\r\n]')
_SHOWN_BYTE = re.compile(r"\\x[89a-f][0-9a-f]")


class _Table:
    """Decoded lines for the csv module, which remembers what the current row was made of."""

    def __init__(self, lines: Iterator[Line], name: str, most: int) -> None:
        self._lines, self._name, self._most = lines, name, most
        self.refused: list[Reject] = []
        self.raw: list[str] = []
        self.first = self._size = 0

    def __iter__(self) -> _Table:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        while refused := too_long(line, Origin(self._name, line.number), self._most):
            self.refused.append(refused)
            line = next(self._lines)
        text = line.data.decode(errors="surrogateescape")
        self.first = self.first or line.number
        self.raw.append(text)
        self._size += len(text)
        if self._size > self._most:  # as after a quote that nothing closes
            raise CsvError(f"a row of more than {self._most:,} characters")
        return text

    def taken(self) -> tuple[Origin, str]:
        """Where the row just read began and what it was; then the next row begins."""
        origin, raw = Origin(self._name, self.first), "".join(self.raw)
        self.first, self.raw, self._size = 0, [], 0
        return origin, raw


def _cells(table: _Table, rows: Iterator[list[str]]) -> Iterator[list[str] | Reject]:
    while True:
        try:
            cells = next(rows, None)
        except CsvError as error:
            count = len(table.raw)
            origin, raw = table.taken()
            # A quote that nothing closes takes in the lines that follow.
            where = f" in {count:,} lines from here" if count > 1 else ""
            yield Reject(f"broken CSV{where}: {_said(error)}", origin, raw=_shown(raw))
            continue
        yield from table.refused
        table.refused.clear()
        if cells is None:
            return
        yield cells


def _said(error: Exception) -> str:
    """Python's sentence, but for the one that speaks to programmers."""
    said = str(error)
    return "a CR outside of quotes" if said.startswith("new-line character") else said


def _shown(raw: str) -> str:
    return raw.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _is_utf_8(text: str) -> bool:
    return text.isascii() or not any("\udc80" <= mark <= "\udcff" for mark in text)


class _Columns:
    """The columns of one table, by which its rows become values."""

    def __init__(
        self,
        names: list[str],
        reading: Reading,
        dialect: Dialect,
        tell: Callable[[str], None] = lambda said: None,
    ) -> None:
        self._names, self._dialect, self._tell = names, dialect, tell
        wanted = _known(reading)
        # A row may be shorter than its header, but not without these.
        self._needed = max((n for n, name in enumerate(names, 1) if name in wanted), default=0)
        self._short = False

    def row(self, cells: list[str], origin: Origin, raw: str) -> Row | Reject:
        """One row; a reject where it is no UTF-8, or has too few cells or too many."""
        if not _is_utf_8(raw):
            return self.refused(Reject(f"{INVALID}{_CURE}", origin, raw=_shown(raw)))
        width = len(self._names)
        if len(cells) != width:
            while len(cells) > width and not cells[-1]:
                cells.pop()
            if not self._needed <= len(cells) <= width:
                reason = f"the row has {len(cells)} columns and the header has {width}"
                return self.refused(Reject(reason, origin, raw=_shown(raw)))
            if len(cells) < width and not self._short:
                self._short = True
                self._tell(
                    f"{origin.file} has rows with fewer cells than its header, the first in line "
                    f"{origin.line}: those that are missing were taken as empty."
                )
        value = {name: cell for name, cell in zip(self._names, cells, strict=False) if cell}
        return Row(origin, value, cells=True)

    def refused(self, reject: Reject) -> Reject:
        """The reject with what is needed to read its raw row again once that is mended."""
        dialect = self._dialect
        names = tuple(self._names)
        return replace(reject, columns=names, separator=dialect.delimiter, quote=dialect.quote)


def _known(reading: Reading) -> set[str]:
    """Names of columns that hold an id, a text or a title."""
    named = {*reading.text_fields, *filter(None, (reading.id_field, reading.title_field))}
    return {*ID_FIELDS, *TEXT_FIELDS, *TITLE_FIELDS, *named}


def _read_table(
    text: Text, reading: Reading, *, tabs: bool = False, header: bool = True
) -> RowStream:
    lines = text.lines(reading.max_bytes)
    if header:
        lines, dialect = _looked(_of_lines(lines, text.name), text, reading, tabs)
    else:
        dialect = Dialect(reading.delimiter or TAB, reading.quote or "")
    table = _Table(lines, text.name, reading.max_bytes)
    columns = None if header else _Columns(["id", "text"], reading, dialect, text.tell)
    for cells in _cells(table, dialect.rows(iter(table))):
        if isinstance(cells, Reject):
            yield columns.refused(cells) if columns else cells
            continue
        origin, raw = table.taken()
        if not any(cells):
            continue
        if columns is None:
            alone = tabs and len(cells) == 2 and not reading.id_field and not reading.text_fields
            names = header_of(cells, reading, text.name, names=not alone)
            columns = _Columns(names or ["id", "text"], reading, dialect, text.tell)
            if names:
                continue
        yield columns.row(cells, origin, raw)


def _looked(
    lines: Iterator[Line], text: Text, reading: Reading, tabs: bool
) -> tuple[Iterator[Line], Dialect]:
    """The lines of a table from its header on, and the dialect that they are in."""
    first = next((line for line in lines if line.data.strip()), None)
    if first is None:
        return lines, Dialect()
    given = (reading.delimiter, reading.quote)
    known = {name.lower() for name in _known(reading)}
    ahead = text.ahead().decode(errors="surrogateescape")
    found = look(first.data.decode(errors="surrogateescape"), ahead, given, known, tabs=tabs)
    if found.doubt:
        text.tell(f"{text.name} {found.doubt}.")
    return (lines if found.separator else chain([first], lines)), found.dialect


def header_of(cells: list[str], reading: Reading, name: str, *, names: bool = True) -> list[str]:
    """The names of columns, of which those that are known are found in any case, blanks aside.

    names: whether a known one must be among them; else there are none, as in MS MARCO's files.
    Raises SourceError for a header that is none, naming the file.
    """
    known, given = _known(reading), set(cells)
    found = [_name(cell, known, given) for cell in cells]
    if known & set(found):
        if not all(map(_is_utf_8, found)):
            raise SourceError(f"the header of {name} is no UTF-8{_CURE}.")
        if twice := repeated(found):
            raise column_twice(name, twice)
        if not found[0] and "" not in reading.drop_fields:
            raise SourceError(
                f"the first column of {name} has no name, as that of an index written by pandas: "
                "leave it out with `drop_fields=['']`, or give it a name."
            )
        return found
    if not names:
        return []
    raise SourceError(
        f"the header of {name} ({_shown(', '.join(cells)[:200])}) has no column for the text: name "
        "it with `text_fields`, or say `format='msmarco'` for two columns without a header."
    )


def _name(cell: str, known: set[str], given: set[str]) -> str:
    """A column's name, as it stands but where only case and blanks keep it from being known."""
    usual = cell.strip().lower()
    if cell in known or usual in given:
        return cell
    return usual if usual in known else cell


def parse_row(
    raw: str, columns: list[str], origin: Origin, reason: str, dialect: Dialect
) -> Row | Reject:
    """A raw row out of a rejects file, mended or not, and why it was refused."""
    table = _Columns(columns, Reading(), dialect)
    if reason.startswith(INVALID) and (left := _SHOWN_BYTE.search(raw)):
        # What is shown of a byte is text, and would pass for mended.
        still = f"{INVALID}: {left[0]} still stands for a byte, put the character there"
        return table.refused(Reject(still, origin, raw=raw))
    try:
        rows = list(dialect.rows(in_lines(raw)))
    except CsvError as error:
        return table.refused(Reject(f"broken CSV: {_said(error)}", origin, raw=raw))
    if len(rows) != 1:
        reason = f"raw has {len(rows)} rows and must have one: give each a line of its own"
        return table.refused(Reject(reason, origin, raw=raw))
    return table.row(rows[0], origin, raw)


def _of_lines(lines: Iterator[Line], name: str) -> Iterator[Line]:
    """The lines of a table that has any; raises SourceError where they end with CR alone."""
    for line in lines:
        if line.number == 1 and _CR_ALONE.match(line.data):
            raise SourceError(
                f"{name} ends its lines with CR alone: convert it first, such as with "
                "`tr '\\r' '\\n'`."
            )
        yield line


def read_csv(text: Text, reading: Reading) -> RowStream:
    """RowStream of a table with a header, in the dialect that its first lines are in."""
    return _read_table(text, reading)


def read_tsv(text: Text, reading: Reading) -> RowStream:
    """RowStream of a tab-separated file with a header, or of MS MARCO's two columns without one.

    It has no quoting but where its cells show some: MS MARCO's texts begin with quotes of their
    own.
    """
    return _read_table(text, reading, tabs=True)


def read_msmarco(text: Text, reading: Reading) -> RowStream:
    """RowStream of MS MARCO's collection.tsv: id and text, without a header."""
    return _read_table(text, reading, header=False)
