"""Files of queries: what is read of them, and what is wrong with them."""

import bz2
import gzip
import io
import json
import lzma
import re
import zipfile

import pyarrow
import pytest
from pyarrow import parquet

from evaluation.queries import read_queries
from query import Query, QueryError
from tests.servers.stores.web import WebServer
from tests.support.files import put

TWO = [("q1", "a cat"), ("q2", "two, dogs")]
LINES = b'{"_id": "q1", "text": "a cat"}\n\n{"id": "q2", "query": "two, dogs"}\n'
ROWS = [{"qid": "q1", "query": "a cat"}, {"qid": "q2", "query": "two, dogs"}]


def columns() -> bytes:
    out = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(ROWS), out)
    return out.getvalue()


def zipped(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(f"scifact/{name}.jsonl", data)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("q.jsonl", LINES),
        ("q", LINES),
        ("q.json", json.dumps(ROWS).encode()),
        ("q", json.dumps(ROWS, indent=1).encode()),
        ("q.json", json.dumps({"version": 1, "queries": ROWS}).encode()),
        ("q.tsv", b"q1\ta cat\r\nq2\ttwo, dogs\n"),
        ("q.tsv", b"Query_ID\ttext\nq1\ta cat\nq2\ttwo, dogs\n"),
        ("q", b"qid\tquery\nq1\ta cat\nq2\ttwo, dogs"),
        ("q.tsv", b"type\tqid\tquery\nx\tq1\ta cat\nx\tq2\ttwo, dogs\n"),
        ("q.csv", b'\xef\xbb\xbfqid,source,Query\r\nq1,x,a cat\r\n\r\nq2,,"two, dogs"\r\n'),
        ("q", b'qid,query\nq1,a cat\nq2,"two, dogs"\n'),
        ("q.csv", b"qid;query\nq1;a cat\nq2;two, dogs\n"),
        ("q.csv", "qid\tquery\nq1\ta cat\nq2\ttwo, dogs\n".encode("utf-16")),
        ("q.parquet", columns()),
        ("q.jsonl.gz", gzip.compress(LINES)),
        ("q.tsv.bz2", bz2.compress(b"q1\ta cat\nq2\ttwo, dogs\n")),
        ("q.csv.xz", lzma.compress(b"qid|query\nq1|a cat\nq2|two, dogs\n")),
        ("scifact.zip", zipped(corpus=b'{"_id": "d1", "text": "x"}\n', queries=LINES)),
    ],
)
def test_queries_of_every_form(tmp_path, name, data):
    assert read_queries(put(tmp_path, name, data)) == TWO


def test_lines_of_text_have_their_numbers_for_ids(tmp_path):
    assert read_queries(put(tmp_path, "q.txt", b"[note] a b\n")) == [("1", "[note] a b")]
    lines = b"\xef\xbb\xbfa b\n\nc"
    assert read_queries(put(tmp_path, "q.txt", lines)) == [("1", "a b"), ("3", "c")]
    # A text is no header, whatever it has commas between.
    text = b"query text, and more\n"
    assert read_queries(put(tmp_path, "q.txt", text)) == [("1", "query text, and more")]
    assert read_queries(put(tmp_path, "q.csv", b"query\nwool\n")) == [("2", "wool")]
    assert read_queries(put(tmp_path, "q.tsv", b"q1\tb\tc\n")) == [("q1", "b\tc")]


def test_the_queries_of_a_beir_folder(tmp_path):
    (tmp_path / "corpus.jsonl").write_text('{"_id": "d1", "text": "x"}\n')
    put(tmp_path, "queries.jsonl.gz", gzip.compress(LINES))
    assert read_queries(tmp_path) == TWO


def test_queries_behind_an_address():
    with WebServer({"/q.jsonl.gz": gzip.compress(LINES)}) as web:
        assert read_queries(f"{web.url}/q.jsonl.gz?token=hush") == [Query(*each) for each in TWO]


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("q", b"q1\ta\nq2 b", "q:2: no tab"),
        ("q", b'{"_id": "a", "text": "b"}\n{"_id": "c", "text"}', "q:2: broken JSON"),
        ("q", b'{"_id": "a"}', "q:1: the query has no text"),
        ("q", b'{"text": "a"}', "q:1: the query has no id"),
        ("q", b'{"_id": "a", "text": "b"}\n[1]', "q:2: the line is an array and must be an obj"),
        ("q", b"caf\xe9", "q:1: byte 0xe9 is not UTF-8"),
        ("q", b"q1\ta\nq1\tb", "q:2: the query id 'q1' was met before"),
        ("q", b"\n", "q has no queries"),
        ("q", b'["a", "b"]', "q:1: the element is a string and must be an object"),
        ("q", b'{"_id": {"a": 1}, "text": "b"}', r'q:1: the query\'s id is \{"a": 1\}: give'),
        ("q", b'{"_id": true, "text": "b"}', "id is true"),
        ("q.csv", b"a,b\n1,x\n", "q.csv:1: no column for the text of a query"),
        ("q.csv", b"qid,query\nq1\n", "q.csv:2: the row has 1 columns"),
        ("q.csv", b"qid,query\n,x\n", "q.csv:2: the query has no id"),
        ("q.csv", b"qid,query\n1,x\n1,y\n", "q.csv:3: the query id '1' was met before"),
        ("q.csv", b"qid,query\n", "q.csv has no queries"),
        ("q.gz", gzip.compress(LINES)[:-9], "q.gz is damaged or cut short"),
        ("none", None, "there is no file .*none: check the path"),
    ],
)
def test_files_of_queries_that_are_wrong_say_where(tmp_path, name, data, said):
    path = tmp_path / name if data is None else put(tmp_path, name, data)
    with pytest.raises(QueryError, match=said) as told:
        read_queries(path)
    assert re.fullmatch(r"[^\n]+\.", str(told.value))
