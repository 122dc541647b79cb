"""Excel's workbooks: rows of a sheet, with dates, formulas' values, errors and gaps."""

import sys
from datetime import date, datetime, time, timedelta

import openpyxl
import pytest

from ingest import Reading, SourceError
from ingest.read.rows import Rows
from ingest.records import Reject, Row
from tests.support.files import read, values


def workbook(path, *rows, **sheets):
    book = openpyxl.Workbook()
    first = book.active
    for row in rows:
        first.append(row)
    for name, others in sheets.items():
        sheet = book.create_sheet(name)
        for row in others:
            sheet.append(row)
    book.save(path)
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.xlsx"


def test_cells_come_as_what_they_are(path):
    moment = datetime(2015, 1, 2, 3, 4, 5)
    header = ["id", "Text", "on", "at", "hour", "took", "n", "x", "yes", "none"]
    cells = [1, "a", date(2015, 1, 2), moment, time(3, 4), timedelta(hours=1), 3, 1.5, True, None]
    workbook(path, header, cells)
    assert values(read(path)) == [
        {
            "id": 1,
            "text": "a",
            "on": "2015-01-02T00:00:00",
            "at": "2015-01-02T03:04:05",
            "hour": "03:04:00",
            "took": "PT3600S",
            "n": 3,
            "x": 1.5,
            "yes": True,
        }
    ]


def test_rows_have_their_numbers_and_gaps_are_none(path):
    workbook(path, [], ["id", "text"], ["1", "a"], [], ["2", "b", None], ["3", "c", "too many"])
    first, second, third = read(path)
    assert isinstance(first, Row)
    assert [each.origin.line for each in (first, second, third)] == [3, 5, 6]
    assert isinstance(third, Reject)
    assert third.reason == "the row has 3 cells and the header has 2"


def test_a_sheet_is_named_or_the_first_is_taken_and_said(path):
    workbook(path, ["id", "text"], ["1", "a"], Notes=[["id", "text"], ["2", "b"]])
    rows = Rows(path, Reading())
    assert [row.value["id"] for row in rows] == ["1"]
    assert "has 2 sheets, and the first, 'Sheet', was read: say `sheet='Notes'`" in rows.warnings[0]
    rows = Rows(path, Reading(sheet="Notes"))
    assert [row.value["id"] for row in rows] == ["2"]
    assert rows.warnings == ()
    with pytest.raises(SourceError, match="has no sheet 'Nots': name one of 'Sheet', 'Notes'"):
        read(path, sheet="Nots")


def test_formulas_that_nobody_calculated_and_errors_are_told(path):
    workbook(path, ["id", "text", "sum", "rate"], ["1", "a", "=1+1", "#DIV/0!"])
    rows = Rows(path, Reading())
    assert [row.value for row in rows] == [{"id": "1", "text": "a"}]
    formula, error = rows.warnings
    assert "has formulas without values, the first in cell C2" in formula
    assert "errors such as #DIV/0!" in error


def test_a_header_without_a_text_is_refused_as_that_of_a_table(path):
    workbook(path, ["no", "words"], ["1", "a"])
    with pytest.raises(SourceError, match=r"the header of .*a\.xlsx \(no, words\) has no column"):
        read(path)


def test_without_the_extra_it_is_named_with_both_cures(path, monkeypatch):
    workbook(path, ["id", "text"], ["1", "a"])
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(SourceError, match=r"tandem-search\[excel\]', or save it as CSV"):
        read(path)


def test_progress_goes_by_rows(path):
    workbook(path, ["id", "text"], *([str(n), "a"] for n in range(100)))
    rows = Rows(path, Reading())
    shares = [rows.position.share for _ in rows]
    assert shares == sorted(shares)
    assert 0 < shares[0] < 0.1
    assert shares[-1] == 1
