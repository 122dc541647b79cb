"""CSV, TSV and MS MARCO: lines in, rows and rejects out, one at a time."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from ingest.errors import SourceError
from ingest.read.formats.jsonl import RowStream, too_long
from ingest.read.sources.streams import Line
from ingest.read.values import ID_FIELDS, TEXT_FIELDS, TITLE_FIELDS
from ingest.records import Origin, Reject, Row
from ingest.settings import Reading

CSV_SEPARATOR, TSV_SEPARATOR = ",", "\t"
INVALID = "invalid UTF-8"
# A header, cells quoted or not, that goes on after a CR.
_CR_ALONE = re.compile(rb'(?:"[^"]*"|[^"\r\n])*\r+[^\r\n]')
_SHOWN_BYTE = re.compile(r"\\x[89a-f][0-9a-f]")


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
            if refused := too_long(line, origin, self._most):
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
    rows = csv.reader(lines, strict=True) if quoted else map(_split, lines)
    while True:
        try:
            cells = next(rows, None)
        except csv.Error as error:
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


def _said(error: csv.Error) -> str:
    """Python's sentence, but for the one that speaks to programmers."""
    said = str(error)
    return "a CR outside of quotes" if said.startswith("new-line character") else said


def _split(line: str) -> list[str]:
    """The cells of a line of TSV, which has no quoting."""
    return line.rstrip("\r\n").split(TSV_SEPARATOR)


def _shown(raw: str) -> str:
    return raw.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _is_utf_8(text: str) -> bool:
    return text.isascii() or not any("\udc80" <= mark <= "\udcff" for mark in text)


def _read_table(
    lines: Iterator[Line], name: str, reading: Reading, *, quoted: bool, header: bool = True
) -> RowStream:
    table = _Table(lines, name, reading.max_bytes)
    columns = [] if header else ["id", "text"]
    for cells in _cells(table, reading.max_bytes, quoted=quoted):
        if isinstance(cells, Reject):
            yield _of_table(cells, columns, quoted=quoted) if columns else cells
            continue
        origin, raw = table.taken()
        if not any(cells):
            continue
        if not columns:
            columns = _columns(cells, reading, quoted, name)
            if columns is cells:
                continue
        yield _table_row(columns, cells, origin, raw, quoted=quoted)


def _columns(cells: list[str], reading: Reading, quoted: bool, name: str) -> list[str]:
    """The header; or, for two columns with no known name among them, what MS MARCO's are."""
    known = {*ID_FIELDS, *TEXT_FIELDS, *TITLE_FIELDS, reading.id_field, *reading.text_fields}
    if known & set(cells):
        if not all(map(_is_utf_8, cells)):
            raise SourceError(
                f"the header of {name} is no UTF-8: convert the file first, such as with "
                "`iconv -f latin1 -t utf-8`."
            )
        if twice := repeated(cells):
            raise column_twice(name, twice)
        if not cells[0] and "" not in reading.drop_fields:
            raise SourceError(
                f"the first column of {name} has no name, as that of an index written by pandas: "
                "leave it out with `drop_fields=['']`, or give it a name."
            )
        return cells
    if not quoted and len(cells) == 2 and not reading.id_field and not reading.text_fields:
        return ["id", "text"]
    raise SourceError(
        f"the header of {name} ({_shown(', '.join(cells)[:200])}) has no column for the text: name "
        "it with `text_fields`, or say `format='msmarco'` for two columns without a header."
    )


def repeated(names: list[str]) -> list[str]:
    """The names that are there more than once."""
    return [name for name, times in Counter(names).items() if times > 1]


def column_twice(file: str, names: list[str]) -> SourceError:
    """The sentence for columns of which one would hide the other."""
    named = ", ".join(map(repr, names))
    return SourceError(f"{file} has the column {named} twice: rename one of them.")


def _table_row(
    columns: list[str], cells: list[str], origin: Origin, raw: str, *, quoted: bool
) -> Row | Reject:
    if not _is_utf_8(raw):
        return _of_table(Reject(INVALID, origin, raw=_shown(raw)), columns, quoted=quoted)
    if len(cells) != len(columns):
        reason = f"the row has {len(cells)} columns and the header has {len(columns)}"
        return _of_table(Reject(reason, origin, raw=_shown(raw)), columns, quoted=quoted)
    value = {name: cell for name, cell in zip(columns, cells, strict=True) if cell}
    return Row(origin, value, cells=True)


def _of_table(reject: Reject, columns: list[str], *, quoted: bool) -> Reject:
    """The reject with what is needed to read its raw row again once that is mended."""
    separator = CSV_SEPARATOR if quoted else TSV_SEPARATOR
    return replace(reject, columns=tuple(columns), separator=separator)


def parse_row(
    raw: str, columns: list[str], origin: Origin, reason: str, *, quoted: bool
) -> Row | Reject:
    """A raw row out of a rejects file, mended or not, and why it was refused."""
    if reason.startswith(INVALID) and (left := _SHOWN_BYTE.search(raw)):
        # What is shown of a byte is text, and would pass for mended.
        still = f"{INVALID}: {left[0]} still stands for a byte, put the character there"
        return _of_table(Reject(still, origin, raw=raw), columns, quoted=quoted)
    try:
        rows = list(csv.reader(raw.splitlines(True), strict=True)) if quoted else [_split(raw)]
    except csv.Error as error:
        reject = Reject(f"broken CSV: {_said(error)}", origin, raw=raw)
        return _of_table(reject, columns, quoted=quoted)
    if len(rows) != 1:
        reason = f"raw has {len(rows)} rows and must have one: give each a line of its own"
        return _of_table(Reject(reason, origin, raw=raw), columns, quoted=quoted)
    return _table_row(columns, rows[0], origin, raw, quoted=quoted)


def _of_lines(lines: Iterator[Line], name: str) -> Iterator[Line]:
    """The lines of a table that has any; raises SourceError where they end with CR alone."""
    for line in lines:
        if line.number == 1 and _CR_ALONE.match(line.data):
            raise SourceError(
                f"{name} ends its lines with CR alone: convert it first, such as with "
                "`tr '\\r' '\\n'`."
            )
        yield line


def read_csv(lines: Iterator[Line], name: str, reading: Reading) -> RowStream:
    """RowStream of CSV with a header, quoted as RFC 4180 has it."""
    return _read_table(_of_lines(lines, name), name, reading, quoted=True)


def read_tsv(lines: Iterator[Line], name: str, reading: Reading) -> RowStream:
    """RowStream of a tab-separated file with a header, or of MS MARCO's two columns without one."""
    # A tab-separated file has no quoting: MS MARCO's texts begin with quotes that are their own.
    return _read_table(_of_lines(lines, name), name, reading, quoted=False)


def read_msmarco(lines: Iterator[Line], name: str, reading: Reading) -> RowStream:
    """RowStream of MS MARCO's collection.tsv: id and text, without a header."""
    return _read_table(lines, name, reading, quoted=False, header=False)
