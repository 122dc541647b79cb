"""Excel's workbooks: the rows of one sheet, with dates as dates and the values of formulas."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ingest.errors import SourceError
from ingest.read.formats.jsonl import RowStream
from ingest.read.formats.objects import plain_of
from ingest.read.formats.tables.delimited import header_of
from ingest.read.sources.files import Position, SourceFile, at_random
from ingest.records import Origin, Reject, Row
from ingest.settings import Reading
from tandem.base.errors import one_line

_WORKBOOK = "an Excel workbook"
# So many rows are looked at for formulas that nobody has calculated yet.
_ROWS_LOOKED_AT = 100
_ERRORS = frozenset(
    ("#N/A", "#REF!", "#DIV/0!", "#VALUE!", "#NAME?", "#NULL!", "#NUM!", "#GETTING_DATA")
)


def read_workbook(
    source: SourceFile, reading: Reading, position: Position, tell: Callable[[str], None]
) -> RowStream:
    """Every row below the header of a sheet, the first one unless `reading.sheet` names another.

    Empty cells, and errors such as #N/A, are no values. Raises SourceError for a workbook that is
    damaged, for a sheet that is not there, and where openpyxl is not installed.
    """
    with at_random(source, _WORKBOOK) as file, _opened(source.name, file, values=True) as book:
        name = _sheet(book.sheetnames, source.name, reading.sheet, tell)
        if cell := _uncalculated(source.name, file, book[name]):
            tell(
                f"{source.name} has formulas without values, the first in cell {cell}, which "
                "were taken as empty: open it in a spreadsheet and save it."
            )
        yield from _rows(book[name], source, reading, position, tell)


@contextmanager
def _opened(name: str, file: Any, *, values: bool) -> Iterator[Any]:
    """The workbook, read as a stream; values: of formulas, not these themselves."""
    try:
        import openpyxl
    except ImportError as error:
        raise SourceError(
            f"{name} is {_WORKBOOK}, and the package 'openpyxl' that reads it is not installed: "
            "pip install 'tandem-search[excel]', or save it as CSV (UTF-8)."
        ) from error
    book = None
    try:
        book = openpyxl.load_workbook(file, read_only=True, data_only=values)
        yield book
    except SourceError:
        raise
    except Exception as error:  # it raises whatever its parsers do
        said = one_line(error)
        raise SourceError(
            f"{name} is damaged or no workbook ({said}): open it in a spreadsheet and save it, or "
            "save it as CSV (UTF-8)."
        ) from error
    finally:
        if book is not None:
            book.close()


def _sheet(names: list[str], file: str, wanted: str | None, tell: Callable[[str], None]) -> str:
    if wanted is not None and wanted not in names:
        raise SourceError(
            f"{file} has no sheet {wanted!r}: name one of {', '.join(map(repr, names))} with "
            "`sheet`."
        )
    if wanted is None and len(names) > 1:
        tell(
            f"{file} has {len(names)} sheets, and the first, {names[0]!r}, was read: say "
            f"`sheet={names[1]!r}` for another."
        )
    return wanted or names[0]


def _uncalculated(name: str, file: Any, sheet: Any) -> str | None:
    """The first cell with a formula of which the workbook has no value."""
    with _opened(name, file, values=False) as book:
        formulas = book[sheet.title].iter_rows(max_row=_ROWS_LOOKED_AT)
        for row, values in zip(formulas, sheet.iter_rows(max_row=_ROWS_LOOKED_AT), strict=False):
            for cell, value in zip(row, values, strict=False):
                if cell.data_type == "f" and value.value is None:
                    return str(cell.coordinate)
    return None


def _rows(
    sheet: Any,
    source: SourceFile,
    reading: Reading,
    position: Position,
    tell: Callable[[str], None],
) -> RowStream:
    total = sheet.max_row or 0
    # What a workbook says of its size is often wrong.
    sheet.reset_dimensions()
    names: list[str] = []
    for number, cells in enumerate(sheet.iter_rows(values_only=True), 1):
        if total:
            position.reached(source, min(1.0, number / total))
        filled = list(cells)
        while filled and filled[-1] is None:
            filled.pop()
        if not filled:
            continue
        if not names:
            texts = ["" if cell is None else str(cell).strip() for cell in filled]
            names = header_of(texts, reading, source.name)
            continue
        yield _row(names, filled, Origin(source.name, number), tell)


def _row(
    names: list[str], cells: list[Any], origin: Origin, tell: Callable[[str], None]
) -> Row | Reject:
    if len(cells) > len(names):
        reason = f"the row has {len(cells)} cells and the header has {len(names)}"
        return Reject(reason, origin, raw=str(cells))
    if errors := [cell for cell in cells if cell in _ERRORS]:
        tell(f"{origin.file} has cells with errors such as {errors[0]}: they were taken as empty.")
    value = {
        name: plain_of(cell)
        for name, cell in zip(names, cells, strict=False)
        if cell is not None and cell not in _ERRORS
    }
    return Row(origin, value)
