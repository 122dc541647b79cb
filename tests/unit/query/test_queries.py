"""Files of queries: what is read of them, and what is wrong with them."""

import bz2
import gzip
import lzma

import pytest

from query.errors import QueryError
from query.queries import parse_queries, read_queries
from query.question import Query


def test_queries_of_every_form():
    jsonl = [b'{"_id": "q1", "text": "a"}\n', b"\n", b'{"id": 2, "query": "b c"}\n']
    assert parse_queries(jsonl, "q.jsonl") == [("q1", "a"), ("2", "b c")]
    assert parse_queries(jsonl, "standard input") == [("q1", "a"), ("2", "b c")]
    assert parse_queries([b"q1\ta\r\n", b"q2\tb\tc\n"], "q.tsv") == [("q1", "a"), ("q2", "b\tc")]
    assert parse_queries([b"Query_ID\ttext\n", b"q1\ta\n"], "q.tsv") == [("q1", "a")]
    assert parse_queries([b"qid\tquery\n", b"q1\ta\n"], "-") == [("q1", "a")]
    assert parse_queries([b"[note] a b\n"], "q.txt") == [("1", "[note] a b")]
    assert parse_queries([b"\xef\xbb\xbfa b\n", b"\n", b"c"], "q.txt") == [("1", "a b"), ("3", "c")]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([b"q1\ta", b"q2 b"], "q:2: no tab"),
        ([b'{"_id": "a", "text": "b"}', b'{"_id": "c", "text"}'], "q:2: not valid JSON at column"),
        ([b'{"_id": "a"}'], "q:1: the query has no text"),
        ([b'{"text": "a"}'], "q:1: the query has no id"),
        ([b'{"_id": "a", "text": "b"}', b"[1]"], "q:2: not a JSON object"),
        ([b"caf\xe9"], "q:1: byte 0xe9 is not UTF-8"),
        ([b"q1\ta", b"q1\tb"], "q:2: the query id 'q1' was met before"),
        ([b"\n"], "q has no queries"),
        ([b'[{"_id": "a", "text": "b"}, {"_id": "c", "text": "d"}]'], "q:1: a JSON array.*jq -c"),
        ([b"[", b'{"_id": "a", "text": "b"}', b"]"], "q:1: a JSON array"),
        ([b'{"_id": {"a": 1}, "text": "b"}'], r'q:1: the query\'s id is \{"a": 1\}: give'),
        ([b'{"_id": true, "text": "b"}'], "id is true"),
        ([gzip.compress(b"q1\ta")], "q is compressed: unpack it, as in `gzip -dc q > queries`"),
        ([bz2.compress(b"q1\ta")], "q is compressed: .*bzip2"),
        ([lzma.compress(b"q1\ta")], "q is compressed: .*xz"),
    ],
)
def test_files_of_queries_that_are_wrong_say_where(lines, said):
    with pytest.raises(QueryError, match=said):
        parse_queries(lines, "q")


def test_the_queries_of_a_beir_folder(tmp_path):
    (tmp_path / "queries.jsonl").write_text('{"_id": "q1", "text": "one"}\n')
    assert read_queries(tmp_path) == [Query("q1", "one")]


def test_tables_of_queries():
    rows = [
        b"\xef\xbb\xbfqid,source,Query\r\n",
        b'q1,x,"a, or\r\n',
        b'b"\r\n',
        b"\r\n",
        b"q2,,c\r\n",
    ]
    assert parse_queries(rows, "q.csv") == [("q1", "a, or\r\nb"), ("q2", "c")]
    assert parse_queries(rows, "standard input") == [("q1", "a, or\r\nb"), ("q2", "c")]
    assert parse_queries([b"query\n", b"wool\n"], "q.csv") == [("2", "wool")]
    rows = [b"type\tqid\tquery\n", b'x\tq1\t"a" b\n']
    assert parse_queries(rows, "q.tsv") == [("q1", '"a" b')]
    # A text is no header, whatever it has commas between.
    assert parse_queries([b"query text, and more\n"], "q.txt") == [("1", "query text, and more")]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([b"a,b\n", b"1,x\n"], "q.csv:1: no column for the text of a query"),
        ([b"qid,query\n", b"q1\n"], "q.csv:2: the row has 1 columns"),
        ([b"qid,query\n", b",x\n"], "q.csv:2: the query has no id"),
        ([b"qid,query\n", b"1,x\n", b"1,y\n"], "q.csv:3: the query id '1' was met before"),
        ([b"qid,query\n"], "q.csv has no queries"),
    ],
)
def test_tables_that_are_none(rows, said):
    with pytest.raises(QueryError, match=said):
        parse_queries(rows, "q.csv")
