"""Tables in any dialect: what csv writes comes back, found by looking or set by option."""

import csv
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest import IngestError, Reading
from ingest.read.formats.tables.dialect import Dialect
from ingest.read.rows import Rows
from ingest.records import Reject
from tests.support.files import again, put, read, values

HEADER = ["id", "text", "note"]
# What a file cannot tell from nothing, or csv cannot write, is left out; the rest is hard enough.
CELL = st.text(
    st.one_of(
        st.sampled_from(",;|\t\"'\\ \nab\x85\u2028"),
        st.characters(blacklist_categories=("Cs",), blacklist_characters="\r\0"),
    ),
    max_size=8,
)
TABLES = st.lists(st.tuples(CELL, CELL, CELL).filter(any), max_size=6)


def written(rows, **dialect) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", **dialect)
    writer.writerows([HEADER, *rows])
    return out.getvalue()


def read_back(text: str, encoding: str = "utf-8", **reading):
    with tempfile.TemporaryDirectory() as folder:
        path = put(Path(folder), "a.csv", text.encode(encoding))
        return values(read(path, **reading))


def cells(rows):
    return [{k: v for k, v in zip(HEADER, row, strict=True) if v} for row in rows]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("delimiter", list(",;\t|"))
@settings(max_examples=40, deadline=None)
@given(rows=TABLES)
@example(rows=[("1", "a,b", "c;d"), ("2", '"', "\\")])
def test_a_table_is_found_out_and_comes_back_cell_by_cell(delimiter, quoting, encoding, rows):
    text = written(rows, delimiter=delimiter, quoting=quoting)
    assert read_back(text, encoding) == cells(rows)


@pytest.mark.parametrize("quote", ['"', "'"])
@pytest.mark.parametrize("delimiter", list(",;\t|"))
@settings(max_examples=40, deadline=None)
@given(rows=TABLES)
def test_a_table_with_backslashes_comes_back_by_option(delimiter, quote, rows):
    dialect = {"delimiter": delimiter, "quotechar": quote}
    text = written(rows, **dialect, doublequote=False, escapechar="\\")
    found = read_back(text, delimiter=delimiter, quote=f"\\{quote}")
    assert found == cells(rows)
    text = written(rows, **dialect)
    assert read_back(text, delimiter=delimiter, quote=quote) == cells(rows)


def test_what_is_refused_keeps_its_dialect(tmp_path):
    path = put(tmp_path, "a.csv", "id; text; note\n1; 'a; b; c; 4\n2; b; c; d\n3; c; d\n")
    first, second, _ = read(path)
    assert isinstance(first, Reject)
    assert "4 columns and the header has 3" in second.reason
    document = again(second, raw='2; "b; c"; d\n')
    assert (document.text, document.metadata) == ("b; c", {"note": "d"})


def test_a_short_row_is_taken_where_id_and_text_are_there_and_told_once(tmp_path):
    path = put(tmp_path, "a.csv", "id,text,note,more\n1,one\n2\n3,three,x\n4,four,,,,\n")
    rows = Rows(path, Reading())
    one, bad, *others = rows
    assert (one.value, others[0].value["note"]) == ({"id": "1", "text": "one"}, "x")
    assert "1 columns and the header has 4" in bad.reason
    assert others[1].value == {"id": "4", "text": "four"}
    (said,) = rows.warnings
    assert said.endswith("first in line 2: those that are missing were taken as empty.")


def test_what_looking_does_not_decide_is_told_with_the_cure(tmp_path):
    rows = Rows(put(tmp_path, "a.tsv", 'id\ttext\tnote\n1\t"one"\tx\n'), Reading())
    assert values(list(rows))[0]["text"] == '"one"'
    assert "`quote='\"'`" in rows.warnings[0]
    assert values(read(tmp_path / "a.tsv", quote='"'))[0]["text"] == "one"
    path = put(tmp_path, "b.csv", "x,a;b\n1,2;3\n")
    rows = Rows(path, Reading(text_fields=["a;b"]))
    assert values(list(rows)) == [{"x": "1", "a;b": "2;3"}]
    rows = Rows(put(tmp_path, "c.csv", "text,a;b\n"), Reading(text_fields=["b"]))
    assert not list(rows)
    assert "`delimiter=';'`" in rows.warnings[0]


@pytest.mark.parametrize(
    ("option", "value"),
    [("delimiter", ",,"), ("delimiter", '"'), ("quote", "ab"), ("encoding", "latin-99")],
)
def test_options_that_no_table_can_have_are_refused(option, value):
    with pytest.raises(IngestError, match=f"`{option}` is "):
        Reading(**{option: value})


def test_bytes_that_are_none_of_the_encoding_are_told(tmp_path):
    path = put(tmp_path, "a.csv", b"id,text\n1,\x81\n")
    with pytest.raises(IngestError, match=r"a\.csv is not in cp1252.*another `encoding`"):
        read(path, encoding="cp1252")


def test_the_dialect_of_no_quotes_cuts_at_every_delimiter():
    assert list(Dialect(", ", "").rows(['1, "a", b\n'])) == [["1", '"a"', "b"]]
