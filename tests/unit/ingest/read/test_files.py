"""Every file of tests/files comes to what its table says, from Python; so does the page on data."""

import json
import re
from pathlib import Path

import pytest

from ingest import Reading, SourceError
from ingest.index.types.infer import infer_types
from ingest.read.documents import DocumentMaker
from ingest.read.rows import Rows
from ingest.records import Document
from mappings import Fields

ROOT = Path(__file__).parents[4]
FILES = ROOT / "tests" / "files"
TABLE = json.loads((FILES / "expected.json").read_text("utf-8"))


def made(case):
    """Documents, reasons and warnings of a file."""
    path = FILES / case["file"]
    reading = Reading(**case.get("reading", {}))
    rows = Rows(path, reading)
    found = list(DocumentMaker(reading, Fields()).make(iter(rows)))
    documents = [each for each in found if isinstance(each, Document)]
    return documents, [each.reason for each in found if not isinstance(each, Document)], rows


@pytest.mark.parametrize("case", TABLE, ids=[case["file"] for case in TABLE])
def test_a_file_as_people_have_it(case):
    if "says" in case:
        with pytest.raises(SourceError, match=f"(?s){case['says']}"):
            made(case)
        return
    documents, reasons, rows = made(case)
    if "rejects" in case:
        assert re.search(case["rejects"], reasons[0]), reasons
        return
    expected = {
        str(FILES / case["file"]) if name == "PATH" else name: text
        for name, text in case["documents"].items()
    }
    assert not reasons
    assert {each.id: each.text for each in documents} == expected
    assert case.get("title") in (None, documents[0].title)
    types = infer_types(documents, {}).types
    assert types.items() >= case.get("types", {}).items()
    assert len(rows.warnings) == ("warns" in case)
    assert case.get("warns", "") in "".join(rows.warnings)


def test_every_file_is_in_the_table():
    there = {str(path.relative_to(FILES)) for path in FILES.rglob("*.*") if path.parent != FILES}
    assert there == {case["file"] for case in TABLE}
    assert len(there) >= 60


def test_each_line_of_the_page_names_a_file_that_is_read_so():
    lines = (ROOT / "docs" / "data.md").read_text("utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| ") and "`tests/files/" in line]
    named = {name for row in rows for name in re.findall(r"`tests/files/([^`]+)`", row)}
    cases = {case["file"]: case for case in TABLE}
    assert len(rows) >= 30
    assert named <= cases.keys()
    for row in rows:
        (name,) = re.findall(r"`tests/files/([^`]+)`", row)
        refused = "refused" in row
        assert ("documents" in cases[name]) != refused, row
