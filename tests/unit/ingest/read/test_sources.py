"""Files as people have them: compressed, damaged, of every format, with bad lines in them."""

import bz2
import csv
import gzip
import json
import lzma
import os

import pyarrow
import pytest
from pyarrow import parquet

from ingest import Reading, SourceError
from ingest.read.rejects import envelope, unwrap
from ingest.read.rows import Rows
from ingest.read.sources.files import find_sources
from ingest.records import Reject, Row
from tests.support.files import made, put, read, values

# A user who may do nothing, and whom every system has.
NOBODY = 65534
ROWS = [{"id": "1", "text": "one"}, {"id": "2", "text": "zwei ü"}]
JSONL = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def zstd(data: bytes) -> bytes:
    sink = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


PACK = {"gzip": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zstd": zstd}


@pytest.mark.parametrize("pack", PACK.values(), ids=PACK)
def test_compression_is_told_by_the_bytes_not_the_name(tmp_path, pack):
    assert values(read(put(tmp_path, "corpus.jsonl", pack(JSONL)))) == ROWS
    assert values(read(put(tmp_path, "corpus.jsonl.gz", pack(JSONL)))) == ROWS
    assert values(read(put(tmp_path, "nameless", pack(JSONL)))) == ROWS


@pytest.mark.parametrize("pack", PACK.values(), ids=PACK)
def test_two_streams_in_one_file_are_one_corpus(tmp_path, pack):
    lines = JSONL.splitlines(keepends=True)
    path = put(tmp_path, "corpus.jsonl", pack(lines[0]) + pack(lines[1]))
    assert values(read(path)) == ROWS


@pytest.mark.parametrize("pack", PACK.values(), ids=PACK)
def test_a_stream_cut_short_is_an_error_not_an_end(tmp_path, pack):
    many = b"".join(b'{"id": %d, "text": "%x"}\n' % (n, n**9) for n in range(5000))
    packed = pack(many)
    path = put(tmp_path, "corpus.jsonl", packed[: len(packed) // 2])
    with pytest.raises(SourceError, match=r"damaged or cut short after line \d+.*same command"):
        read(path)


def test_a_gzip_name_without_gzip_inside_is_read_as_it_is(tmp_path):
    assert values(read(put(tmp_path, "corpus.jsonl.gz", JSONL))) == ROWS


def test_csv_with_quotes_line_breaks_and_nothing(tmp_path):
    data = 'id,title,text\n1,"A ""q"" one","two\nlines, and a comma"\n\n2,,plain\n'
    assert values(read(put(tmp_path, "a.csv", data))) == [
        {"id": "1", "title": 'A "q" one', "text": "two\nlines, and a comma"},
        {"id": "2", "text": "plain"},
    ]


def test_csv_rows_that_are_none_are_told_with_their_lines(tmp_path):
    data = b'id,text\n1,"a\nb"\n2,x,y\n3,"x"y\n4,caf\xe9\n5,good\n'
    rows = read(put(tmp_path, "a.csv", data))
    bad = {row.origin.line: row.reason for row in rows if isinstance(row, Reject)}
    assert list(bad) == [4, 5, 6]
    assert "3 columns and the header has 2" in bad[4]
    assert "broken CSV" in bad[5]
    assert bad[6] == "invalid UTF-8: name the file's `encoding`, such as `encoding='cp1252'`"
    assert rows[-1].value == {"id": "5", "text": "good"}


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path):
    assert values(read(put(tmp_path, "a.csv", "\ufeffid,text\n1,one\n"))) == [ROWS[0]]
    assert values(read(put(tmp_path, "a.jsonl", b"\xef\xbb\xbf" + JSONL))) == ROWS


def test_utf_16_is_told_by_its_first_bytes(tmp_path):
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        assert values(read(put(tmp_path, "a.csv", "id,text\n1,one\n".encode(encoding)))) == [
            ROWS[0]
        ]
        assert values(read(put(tmp_path, "a.jsonl", JSONL.decode().encode(encoding)))) == ROWS


def test_ms_marco_has_no_header_and_quotes_of_its_own(tmp_path):
    data = '0\tThe "Manhattan project\n1\t"So it begins, he said.\n'
    expected = [
        {"id": "0", "text": 'The "Manhattan project'},
        {"id": "1", "text": '"So it begins, he said.'},
    ]
    assert values(read(put(tmp_path, "collection.tsv", data))) == expected
    assert values(read(put(tmp_path, "x.txt", data), format="msmarco")) == expected


def test_tsv_with_a_header(tmp_path):
    data = "id\ttitle\ttext\n1\tOne\tText one\n"
    assert values(read(put(tmp_path, "a.tsv", data))) == [
        {"id": "1", "title": "One", "text": "Text one"}
    ]


def test_a_header_without_text_is_refused_naming_its_columns(tmp_path):
    with pytest.raises(SourceError, match=r"a, b, c.*`text_fields`"):
        read(put(tmp_path, "a.csv", "a,b,c\n1,2,3\n"))
    rows = read(put(tmp_path, "a.csv", "a,b,c\n1,2,3\n"), text_fields=("b",))
    assert values(rows) == [{"a": "1", "b": "2", "c": "3"}]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv", "id,text\r1,one\r2,two\r"),
        ("a.csv", '"id","te""xt","text"\r"1","x","one"\r'),
        ("a.csv", "id,text\r" + "1,one\r" * 1000),  # longer than a document may be
        ("a.tsv", "id\ttext\r1\tone\r"),
    ],
)
def test_lines_that_end_with_cr_alone_are_one_sentence(tmp_path, name, data):
    with pytest.raises(SourceError, match=r"lines with CR alone.*`tr '\\r' '\\n'`\."):
        read(put(tmp_path, name, data), max_bytes=1000)


def test_other_line_ends_and_a_cr_in_a_row(tmp_path):
    assert values(read(put(tmp_path, "a.csv", "id,text\r\n1,one\r\n"))) == [ROWS[0]]
    assert values(read(put(tmp_path, "a.tsv", "id\ttext\r\r\n1\tone\r\r\n"))) == [ROWS[0]]
    quoted, bad = read(put(tmp_path, "a.csv", 'id,text\n1,"a\rb"\n2,a\rb\n'))
    assert quoted.value["text"] == "a\rb"
    assert bad.reason == "broken CSV: a CR outside of quotes"


def test_the_index_of_pandas_is_told_once_and_dropped_at_will(tmp_path):
    path = put(tmp_path, "a.csv", ",id,text\n0,1,one\n1,2,two\n")
    with pytest.raises(
        SourceError, match=r"first column of \S+a\.csv has no name.*`drop_fields=\[''\]`"
    ):
        read(path)
    found = made(path, drop_fields=("",))
    assert [(each.id, each.text, each.metadata) for each in found] == [
        ("1", "one", {}),
        ("2", "two", {}),
    ]


def test_a_last_column_that_has_neither_name_nor_values_is_none(tmp_path):
    good, bad = made(put(tmp_path, "a.csv", "id,text,\n1,one,\n2,two,x\n"))
    assert (good.id, good.metadata) == ("1", {})
    assert "`drop_fields=['']`" in bad.reason


def test_a_column_that_is_there_twice_is_refused(tmp_path):
    with pytest.raises(SourceError, match=r"a\.csv has the column 'text' twice"):
        read(put(tmp_path, "a.csv", "id,text,text\n1,2,3\n"))


@pytest.mark.parametrize("kind", ["parquet", "arrow", "stream", "nameless"])
def test_columnar_files(tmp_path, kind):
    table = pyarrow.table(
        {"id": [1, 2], "text": ["one", "two"], "tags": [["a"], None], "raw": [b"\x00", None]}
    )
    endings = {"parquet": "parquet", "arrow": "arrow", "stream": "arrows", "nameless": ""}
    path = tmp_path / f"a.{endings[kind]}"
    if kind == "parquet":
        parquet.write_table(table, path)
    else:
        make = pyarrow.ipc.new_file if kind == "arrow" else pyarrow.ipc.new_stream
        with make(str(path), table.schema) as writer:
            writer.write_table(table)
    assert values(read(path)) == [
        {"id": 1, "text": "one", "tags": ["a"], "raw": "AA=="},
        {"id": 2, "text": "two"},
    ]


def test_the_share_of_a_parquet_file_follows_its_rows(tmp_path):
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"id": list(range(1000)), "text": ["x"] * 1000}), path)
    rows = Rows(path, Reading())
    shares = [rows.position.share for _ in rows]
    assert shares == sorted(shares)
    assert 0.4 < shares[600] < 0.6
    assert rows.position.share == 1.0


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet", "a.arrow"])
def test_a_file_that_is_removed_while_it_is_read_is_read_to_its_end(tmp_path, name):
    path = tmp_path / name
    table = pyarrow.table({"id": list(range(1000)), "text": ["x" * 1000] * 1000})
    if name == "a.jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    elif name == "a.parquet":
        parquet.write_table(table, path)
    else:
        with pyarrow.ipc.new_file(str(path), table.schema) as writer:
            writer.write_table(table, max_chunksize=100)
    other = put(tmp_path, "b.jsonl", JSONL)
    rows = Rows([path, other], Reading())
    shares = []
    for n, _ in enumerate(rows):
        if n == 0:
            path.unlink()
        shares.append(rows.position.share)
    assert len(shares) == 1000 + len(ROWS)
    assert shares == sorted(shares)
    assert rows.position.share == 1.0


@pytest.mark.parametrize("name", ["b.jsonl", "b.parquet"])
def test_a_file_that_is_removed_before_its_turn_is_one_sentence(tmp_path, name):
    first, gone = put(tmp_path, "a.jsonl", JSONL), tmp_path / name
    parquet.write_table(pyarrow.table({"id": ["1"]}), gone)
    rows = Rows([first, gone], Reading())
    gone.unlink()
    with pytest.raises(SourceError, match=rf"{name} cannot be read: No such file"):
        list(rows)


def test_a_parquet_file_is_known_whatever_its_name(tmp_path):
    path = tmp_path / "corpus"
    parquet.write_table(pyarrow.table({"id": ["1"], "text": ["one"]}), path)
    assert values(read(path)) == [ROWS[0]]


def test_a_damaged_parquet_file_is_one_sentence(tmp_path):
    with pytest.raises(SourceError, match="damaged or no parquet file"):
        read(put(tmp_path, "a.parquet", b"PAR1" + b"x" * 100))


def test_json_lines_that_are_none(tmp_path):
    data = b'{"id": 1,\n[1]\n"text"\n{"text": "a \\ud800"}\n{"a": "\xff"}\n{"a": NaN}\n\n  \n'
    rows = read(put(tmp_path, "a.jsonl", data), format="jsonl")
    assert [row.origin.line for row in rows] == [1, 2, 3, 4, 5, 6]
    reasons = [row.reason for row in rows[:5]]
    assert "broken JSON" in reasons[0]
    assert "an array" in reasons[1]
    assert "a string" in reasons[2]
    assert "lone surrogate" in reasons[3]
    assert reasons[4] == "invalid UTF-8"
    # Told by its field, once it is known whether that one is dropped.
    assert rows[5].raw == '{"a": NaN}'


def test_a_line_beyond_the_limit_is_refused_without_holding_it(tmp_path):
    data = b'{"id": 1, "text": "' + b"x" * 5_000_000 + b'"}\n' + JSONL
    rows = read(put(tmp_path, "a.jsonl", data), max_bytes=1000)
    assert "5,000,022 bytes and at most 1,000" in rows[0].reason
    assert len(rows[0].raw) <= 1001
    assert values(rows[1:]) == ROWS
    assert [row.origin.line for row in rows] == [1, 2, 3]


@pytest.mark.parametrize("named", [{}, {"format": "jsonl"}])
@pytest.mark.parametrize("indent", [None, 1, 4])
def test_json_that_is_no_lines_is_read(tmp_path, named, indent):
    for value, expected in [
        (ROWS, ROWS),
        (ROWS[0], ROWS[:1]),
        ({"total": 2, "docs": ROWS}, ROWS),
        ({"a": {"b": ROWS}}, ROWS),
    ]:
        path = put(tmp_path, "a.json", "\n" + json.dumps(value, indent=indent) + "\n")
        assert values(read(path, **named)) == expected
    both = "\n".join(json.dumps(row, indent=2) for row in ROWS)
    assert values(read(put(tmp_path, "a.json", both))) == ROWS


def test_an_array_is_read_as_a_stream_and_told_where_it_breaks(tmp_path):
    many = [{"id": str(n), "text": "x" * 1000, "n": n / 4} for n in range(500)]
    many[7] = {"id": "7", "text": "x" * 2000}
    path = put(tmp_path, "a.json", json.dumps([3, *many, {"big": 2**70}]))
    rows = read(path, max_bytes=1500)
    assert rows[0].reason == "the element is a number and must be an object"
    assert "2,020 bytes and at most 1,500" in rows[8].reason
    assert rows[-1].value == {"big": 2**70}
    assert rows[-1].raw
    assert (rows[5].origin.line, rows[5].value["n"]) == (6, 1.0)
    put(tmp_path, "a.json", json.dumps(many)[:-5000])
    with pytest.raises(SourceError, match=r"a\.json is broken JSON after document 49\d.*same"):
        read(path)
    deep = '[{"id": "1", "a": ' + "[" * 5000 + "]" * 5000 + "}]"
    (row,) = read(put(tmp_path, "a.json", deep))
    assert "nested too deeply and at most 253 levels" in row.reason
    put(tmp_path, "a.json", json.dumps([{"id": "1", "text": "x" * 300_000}]))
    with pytest.raises(SourceError, match=r"more than 1,000 bytes after number 0.*max_bytes"):
        read(path, max_bytes=1000)


def test_a_long_first_line_of_jsonl_is_a_line(tmp_path):
    long = {"list": [{"a": 1}], "note": "x" * 100_000, "text": "y", "id": "1"}
    rows = read(put(tmp_path, "a.jsonl", json.dumps(long) + "\n{\n" + JSONL.decode()))
    assert rows[0].value == long
    assert values(rows[2:]) == ROWS


def test_a_brace_alone_is_one_bad_line_where_others_stand_before_it(tmp_path):
    rows = read(put(tmp_path, "a.jsonl", JSONL + b"{\n}\n"))
    assert values(rows[:2]) == ROWS
    assert ["broken JSON" in row.reason for row in rows[2:]] == [True, True]


@pytest.mark.parametrize("pack", [bytes, *PACK.values()], ids=["plain", *PACK])
def test_jsonl_may_begin_with_blank_lines(tmp_path, pack):
    rows = read(put(tmp_path, "nameless", pack(b"\n" * 10 + b" \r\n" * 10 + JSONL)))
    assert values(rows) == ROWS
    assert rows[0].origin.line == 21
    assert read(put(tmp_path, "nameless", pack(b"\n" * 300_000))) == []


def test_an_unknown_format_names_the_option(tmp_path):
    with pytest.raises(SourceError, match=r"`format`.*jsonl.*parquet"):
        read(put(tmp_path, "a.dat", "hello\n"))


def test_an_empty_file_has_no_rows(tmp_path):
    for name in ("a.jsonl", "a.csv", "a.tsv", "nameless"):
        assert read(put(tmp_path, name, b"")) == []


def test_folders_globs_and_several(tmp_path):
    folder = tmp_path / "beir"
    folder.mkdir()
    corpus = put(folder, "corpus.jsonl", JSONL)
    other = put(folder, "queries.jsonl", JSONL)
    names = [source.path for source in find_sources(folder)]
    assert names == [corpus]
    assert [s.path for s in find_sources(f"{folder}/*.jsonl")] == [corpus, other]
    assert [s.path for s in find_sources([str(other), str(corpus)])] == [other, corpus]
    assert [row.origin.file for row in Rows([corpus, other], Reading())] == (
        [str(corpus)] * 2 + [str(other)] * 2
    )


@pytest.mark.parametrize(
    ("named", "said"),
    [("nothing.jsonl", "there is no file"), ("*.nothing", "no file matches"), ("", "no file")],
)
def test_what_is_not_there(tmp_path, named, said):
    with pytest.raises(SourceError, match=said):
        find_sources(str(tmp_path / named) if named else "nowhere/at/all")


def test_a_folder_without_a_corpus_and_a_file_named_twice(tmp_path):
    with pytest.raises(SourceError, match=r"no file that ends with one of \.jsonl"):
        find_sources(tmp_path)
    path = put(tmp_path, "a.jsonl", JSONL)
    with pytest.raises(SourceError, match="named twice"):
        find_sources([path, path])


def test_the_share_that_is_read_grows_to_one(tmp_path):
    path = put(tmp_path, "a.jsonl", gzip.compress(JSONL * 10_000))
    rows = Rows(path, Reading())
    shares = [rows.position.share for _ in rows]
    assert shares == sorted(shares)
    assert rows.position.share == 1.0
    assert Rows(iter(ROWS), Reading()).position.share is None


def test_python_rows_that_json_cannot_hold():
    rows = list(
        Rows([{"id": 1, "text": "x"}, 5, {"id": 2, "a": object()}, {"t": "\ud800"}], Reading())
    )
    assert rows[0].value["id"] == 1
    assert [row.reason.split(":")[0] for row in rows[1:]] == [
        "the document is a number and must be a dict",
        "the document cannot be JSON",
        "the document cannot be JSON",
    ]


def test_a_beir_folder_is_the_same_source_after_a_run_with_rejects(tmp_path):
    corpus = put(tmp_path, "corpus.jsonl", JSONL)
    before = find_sources(tmp_path)
    rejects = Rows(tmp_path, Reading()).rejects_path
    assert rejects.parent == tmp_path
    put(tmp_path, rejects.name, b"{}\n")
    put(tmp_path, f"{rejects.name}~", b"{}\n")
    assert find_sources(tmp_path) == before
    assert [source.path for source in before] == [corpus]


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz", "zst", "zstd"])
def test_a_beir_folder_may_be_compressed(tmp_path, ending):
    packed = put(tmp_path, f"corpus.jsonl.{ending}", gzip.compress(JSONL))
    assert [source.path for source in find_sources(tmp_path)] == [packed]


def test_globs_leave_rejects_out_unless_they_name_them(tmp_path):
    corpus = put(tmp_path, "a.jsonl", JSONL)
    rejects = put(tmp_path, Rows(corpus, Reading()).rejects_path.name, JSONL)
    old = put(tmp_path, f"{rejects.name}~", JSONL)
    assert [s.path for s in find_sources(f"{tmp_path}/*")] == [corpus]
    assert [s.path for s in find_sources(f"{tmp_path}/*.jsonl")] == [corpus]
    assert [s.path for s in find_sources(f"{tmp_path}/*.rejects*")] == [rejects, old]
    rejects.unlink()
    corpus.unlink()
    with pytest.raises(SourceError, match="no file matches"):
        find_sources(f"{tmp_path}/*")


def test_rejects_that_are_a_source_are_refused(tmp_path):
    corpus = put(tmp_path, "a.jsonl", JSONL)
    rejects = put(tmp_path, "a.jsonl.rejects", JSONL)
    rows = Rows([corpus, rejects], Reading())
    with pytest.raises(SourceError, match=r"a\.jsonl\.rejects is a source, and the rejects"):
        rows.check(rows.rejects_path)
    rows.check(tmp_path / "other")


def test_every_file_is_looked_at_before_anything_is_made(tmp_path):
    good = put(tmp_path, "a.jsonl", JSONL)
    for name, data, said in [
        ("b.dat", b"hello\n", "`format`"),
        ("b.csv", b"a,b,c\n1,2,3\n", "`text_fields`"),
        ("b.parquet", b"PAR1" + b"x" * 100, "damaged"),
    ]:
        bad = put(tmp_path, name, data)
        rows = Rows([good, bad], Reading())
        with pytest.raises(SourceError, match=said):
            rows.check(tmp_path / "r")
        # Looking reads nothing away.
        assert rows.position.share == 0.0
    assert values(read(good)) == ROWS


def test_a_path_that_cannot_be_is_one_sentence():
    with pytest.raises(SourceError, match="cannot be reached: File name too long"):
        find_sources('{"id": 1, "text": "' + "x" * 300 + '"}')


def test_a_folder_that_may_not_be_entered_is_one_sentence(tmp_path):
    inner = tmp_path / "closed"
    inner.mkdir()
    corpus = put(inner, "a.jsonl", JSONL)
    inner.chmod(0)
    root = os.geteuid() == 0
    if root:  # whom nothing is forbidden
        os.seteuid(NOBODY)
    try:
        with pytest.raises(SourceError, match=r"cannot be (reached|read): Permission denied"):
            read(corpus)
    finally:
        if root:
            os.seteuid(0)
        inner.chmod(0o700)


def test_a_compressed_parquet_file_is_refused_with_the_cure(tmp_path):
    plain = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"id": ["1"], "text": ["one"]}), plain)
    with pytest.raises(SourceError, match="parquet and compressed: decompress it first"):
        read(put(tmp_path, "a.parquet.gz", gzip.compress(plain.read_bytes())))


def test_the_share_of_an_arrow_file_follows_its_batches_and_rows(tmp_path):
    path = tmp_path / "a.arrow"
    table = pyarrow.table({"id": list(range(1000)), "text": ["x"] * 1000})
    with pyarrow.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table)  # one batch
    rows = Rows(path, Reading())
    shares = [rows.position.share for _ in rows]
    assert shares == sorted(shares)
    assert 0.2 < shares[600] < 0.7


def test_a_name_that_is_no_utf_8_can_be_told(tmp_path):
    path = os.path.join(os.fsencode(tmp_path), b"caf\xe9.jsonl")
    with open(path, "wb") as file:
        file.write(JSONL + b"5\n")
    rows = read(os.fsdecode(path))
    assert rows[-1].origin.file.endswith("caf\\xe9.jsonl")
    assert rows[-1].origin.file.encode()


def test_a_quote_that_nothing_closes_tells_what_it_takes_in(tmp_path):
    data = 'id,text\n1,good\n2,"open\n3,b\n4,c\n'
    rows = read(put(tmp_path, "a.csv", data))
    (bad,) = (row for row in rows if isinstance(row, Reject))
    assert bad.origin.line == 3
    assert "broken CSV in 3 lines from here" in bad.reason
    assert bad.raw == '2,"open\n3,b\n4,c\n'


def test_a_row_of_too_many_lines_costs_no_row_after_it(tmp_path):
    before = csv.field_size_limit()
    data = 'id,text\n1,"' + "long\n" * 300 + "2,b\n"
    rows = read(put(tmp_path, "a.csv", data), max_bytes=1000)
    first, *_ = (row for row in rows if isinstance(row, Reject))
    assert "lines from here: a row of more than 1,000 characters" in first.reason
    assert any(getattr(row, "value", None) == {"id": "2", "text": "b"} for row in rows)
    (row,) = read(put(tmp_path, "b.csv", 'id,text\n3,"' + "x" * 200_000 + '"\n'))
    assert len(row.value["text"]) == 200_000
    assert csv.field_size_limit() == before


@pytest.mark.parametrize(
    ("name", "data", "mended"),
    [
        ("a.csv", "id,text\n1,a, b\n", '1,"a, b"'),
        ("a.csv", 'id,text\n1,"a, "b"\n', '1,"a, b"'),
        ("a.tsv", "id\ttext\n1 a, b\n", "1\ta, b"),
        ("a.csv", b'id,text\n1,"a, b\xe9"\n', '1,"a, b"'),
        ("a.tsv", b"id\ttext\n1\ta, b\xe9\n", "1\ta, b"),
        ("collection.tsv", b"1\ta, b\n1\ta, b\xe9\n", "1\ta, b"),
    ],
)
def test_a_row_of_a_table_is_mended_as_it_stood(tmp_path, name, data, mended):
    *_, reject = read(put(tmp_path, name, data))
    line = json.loads(json.dumps(envelope(reject)))
    again = unwrap(Row(reject.origin, line))
    assert isinstance(again, Reject)
    assert envelope(again).keys() == line.keys()
    assert unwrap(Row(reject.origin, line | {"raw": mended})).value == {"id": "1", "text": "a, b"}


def test_a_long_row_is_kept_whole(tmp_path):
    long = "x" * 2_000_000
    (reject,) = read(put(tmp_path, "a.csv", f"id,text\n1,{long},y\n"))
    assert reject.raw == f"1,{long},y\n"


def test_rows_that_are_still_none_are_refused_again(tmp_path):
    rows = read(put(tmp_path, "a.csv", b'id,text\n1,"a\n2,b\n'))
    line = json.loads(json.dumps(envelope(rows[0])))
    assert "raw has 2 rows" in unwrap(Row(rows[0].origin, line | {"raw": "1,a\n2,b\n"})).reason
    (bad,) = read(put(tmp_path, "b.csv", b"id,text\n1,caf\xe9\n"))
    still = unwrap(Row(bad.origin, json.loads(json.dumps(envelope(bad)))))
    assert still.reason == ("invalid UTF-8: \\xe9 still stands for a byte, put the character there")
    assert envelope(still).keys() == envelope(bad).keys()


def test_a_header_that_is_no_utf_8_is_refused_with_the_cure(tmp_path):
    with pytest.raises(SourceError, match=r"no UTF-8.*`encoding='cp1252'`"):
        read(put(tmp_path, "a.csv", "id,text,catégorie\n1,one,x\n".encode("latin-1")))
    rows = read(tmp_path / "a.csv", encoding="latin-1")
    assert values(rows) == [{"id": "1", "text": "one", "catégorie": "x"}]
