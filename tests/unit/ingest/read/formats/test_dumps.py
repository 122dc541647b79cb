"""Exports of other programs: what they wrap documents in is taken off."""

import io
import json
import tarfile
import zipfile

import pytest

from ingest import SourceError
from tests.support.files import put, read, values

ONE = {"_id": "1", "text": "one"}


def lines(*rows) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_bulk_requests(tmp_path):
    data = lines(
        {"index": {"_index": "a", "_id": "1"}},
        {"text": "one"},
        {"delete": {"_id": "9"}},
        {"update": {"_id": "8"}},
        {"doc": {"text": "part"}},
        {"create": {}},
        {"id": "2", "text": "two"},
    )
    one, deleted, updated, two = read(put(tmp_path, "a.ndjson", data))
    assert (one.value, two.value) == (ONE, {"id": "2", "text": "two"})
    assert "removes a document" in deleted.reason
    assert "changes a part" in updated.reason


def test_hits_by_line_in_an_array_and_in_an_answer(tmp_path):
    hit = {"_index": "a", "_type": "_doc", "_id": "1", "_score": 1, "_source": {"text": "one"}}
    answer = {
        "took": 1,
        "_shards": {"total": 1, "failures": [{"shard": 0}]},
        "hits": {"total": {"value": 1}, "hits": [hit]},
    }
    for name, data in [
        ("a.json", lines(hit)),
        ("b.json", f"[\n{json.dumps(hit)}\n]"),
        ("c.json", json.dumps(answer)),
        ("d.json", json.dumps(answer, indent=2)),
    ]:
        assert values(read(put(tmp_path, name, data))) == [ONE]
    own = {"id": "1", "text": "x", "_source": {"a": 1}}
    assert values(read(put(tmp_path, "e.jsonl", lines(own)))) == [own]


def test_extended_json(tmp_path):
    row = {
        "_id": {"$oid": "571e394cbad0c6dc5f720444"},
        "at": {"$date": "2016-05-12T07:29:05Z"},
        "then": {"$date": {"$numberLong": "-1000"}},
        "n": {"$numberInt": "3"},
        "deep": [{"x": {"$numberDouble": "0.5"}, "u": {"$uuid": "ab"}}],
        "raw": {"$binary": {"base64": "AA==", "subType": "00"}},
        "text": "one",
    }
    (found,) = values(read(put(tmp_path, "a.json", lines(row))))
    assert found == {
        "_id": "571e394cbad0c6dc5f720444",
        "at": "2016-05-12T07:29:05Z",
        "then": "1969-12-31T23:59:59+00:00",
        "n": 3,
        "deep": [{"x": 0.5, "u": "ab"}],
        "raw": "AA==",
        "text": "one",
    }


def packed(tmp_path, kind, files) -> str:
    path = tmp_path / f"a.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        return str(path)
    with tarfile.open(path, "w:gz" if kind.endswith("gz") else "w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return str(path)


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tgz"])
def test_archives(tmp_path, kind):
    files = {
        "in/b.csv": b"id;text\n1;one\n",
        "in/a.md": b"# Title\n\nText.\n",
        "__MACOSX/x.csv": b"\0",
        "in/picture.png": b"\x89PNG",
    }
    path = packed(tmp_path, kind, files)
    rows = read(path)
    assert values(rows) == [
        {"id": "1", "text": "one"},
        {"id": f"{path}:in/a.md", "title": "Title", "text": "# Title\n\nText.\n"},
    ]
    assert rows[0].origin.file == f"{path}:in/b.csv"
    files["scifact/corpus.jsonl"] = lines(ONE).encode()
    assert values(read(packed(tmp_path, kind, files))) == [ONE]
    whole = (tmp_path / f"a.{kind}").read_bytes()
    put(tmp_path, f"a.{kind}", whole[: 700 if kind == "tar" else len(whole) // 2])
    with pytest.raises(SourceError, match=r"a\.(zip|t).*(cannot be read|damaged)"):
        read(path)


def test_a_folder_is_all_the_files_in_it_that_can_be_read(tmp_path):
    (tmp_path / "deep").mkdir()
    put(tmp_path / "deep", "b.txt", "plain")
    put(tmp_path, "a.md", "Heading\n=======\nand text\n")
    put(tmp_path, ".hidden.csv", "x")
    put(tmp_path, "a.csv.rejects", "x")
    assert values(read(tmp_path)) == [
        {"id": f"{tmp_path}/a.md", "title": "Heading", "text": "Heading\n=======\nand text\n"},
        {"id": f"{tmp_path}/deep/b.txt", "text": "plain"},
    ]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"%PDF-1.7\n", r"a PDF.*pdftotext"),
        (b"{\\rtf1 x}", r"RTF.*plain text"),
        (b"<!DOCTYPE html><p>x", r"HTML.*html2text"),
        (b"<?xml version='1.0'?><a/>", r"XML.*read_xml"),
    ],
)
def test_what_is_not_read_is_named_with_a_cure(tmp_path, data, said):
    with pytest.raises(SourceError, match=said):
        read(put(tmp_path, "a", data))


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_office_document_is_named(tmp_path, kind):
    if kind == "zip":
        path = packed(tmp_path, "zip", {"word/document.xml": b"<x/>"})
        with pytest.raises(SourceError, match=r"a Word document.*plain text"):
            read(path)
    path = packed(tmp_path, kind, {"a.parquet": b"PAR1"})
    with pytest.raises(SourceError, match=r"a\.parquet is parquet and compressed: decompress"):
        read(path)
