"""Parquet and Arrow hold more than JSON: what is kept as text, what is refused, and which row."""

import io

import pyarrow
import pytest
from pyarrow import parquet

from ingest import SourceError
from ingest.read.formats.arrow import read_columnar
from ingest.read.sources.files import Position, SourceFile
from ingest.records import Document, Reject
from tests.support.files import again, made, read, values

KINDS = ["parquet", "arrow"]


def save(tmp_path, kind, columns):
    """A file of these columns (arrays, by name) with ids and texts."""
    count = len(next(iter(columns.values())))
    given = {"id": [str(n) for n in range(1, count + 1)], "text": ["x"] * count} | columns
    return write(tmp_path, kind, pyarrow.table(given))


def write(tmp_path, kind, table):
    path = tmp_path / f"a.{kind}"
    if kind == "parquet":
        parquet.write_table(table, path)
    else:
        with pyarrow.ipc.new_file(str(path), table.schema) as writer:
            writer.write_table(table)
    return path


def stored(tmp_path, kind, array):
    """What the rows of one column become."""
    rows = values(read(save(tmp_path, kind, {"n": array})))
    return [row.get("n") for row in rows]


def invalid(*texts: bytes):
    """A string column of these bytes, whatever they are."""
    return pyarrow.array(texts, pyarrow.binary()).cast(pyarrow.large_binary()).view("large_string")


SECOND = 10**9


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("unit", "number", "text"),
    [
        (pyarrow.timestamp("ns"), 1, "1970-01-01T00:00:00.000000001"),
        (pyarrow.timestamp("ns"), 1500 * SECOND + 120_000, "1970-01-01T00:25:00.000120"),
        (pyarrow.timestamp("ns"), 60 * SECOND, "1970-01-01T00:01:00"),
        (pyarrow.timestamp("ns"), -1, "1969-12-31T23:59:59.999999999"),
        (pyarrow.timestamp("ns", "UTC"), 1, "1970-01-01T00:00:00.000000001+00:00"),
        (pyarrow.timestamp("ns", "+05:30"), 1, "1970-01-01T05:30:00.000000001+05:30"),
        (pyarrow.time64("ns"), 3661 * SECOND + 1, "01:01:01.000000001"),
        (pyarrow.duration("ns"), 90 * SECOND + 1, "PT90.000000001S"),
        (pyarrow.duration("ns"), -1, "-PT0.000000001S"),
        (pyarrow.duration("s"), 10**18, "PT1000000000000000000S"),
        (pyarrow.duration("ms"), 1500, "PT1.5S"),
    ],
)
def test_every_digit_of_a_time_is_kept(tmp_path, kind, unit, number, text):
    array = pyarrow.array([number, None], pyarrow.int64()).cast(
        pyarrow.int64() if pyarrow.types.is_duration(unit) else unit
    )
    if pyarrow.types.is_duration(unit):
        array = array.view(unit)
    assert stored(tmp_path, kind, array) == [text, None]


def test_coarser_times_are_as_python_has_them(tmp_path):
    array = pyarrow.array([1_500_000, 0], pyarrow.timestamp("us"))
    assert stored(tmp_path, "parquet", array) == [
        "1970-01-01T00:00:01.500000",
        "1970-01-01T00:00:00",
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_times_inside_of_lists_structs_and_dictionaries(tmp_path, kind):
    times = pyarrow.array([1, 2], pyarrow.timestamp("ns"))
    listed = pyarrow.ListArray.from_arrays([0, 2, 2], times)
    first, second = "1970-01-01T00:00:00.000000001", "1970-01-01T00:00:00.000000002"
    assert stored(tmp_path, kind, listed) == [[first, second], []]
    wide = listed.cast(pyarrow.large_list(times.type))
    assert stored(tmp_path, kind, wide) == [[first, second], []]
    made_of = pyarrow.StructArray.from_arrays([times, pyarrow.array([None, 1])], ["at", "n"])
    assert stored(tmp_path, kind, made_of) == [{"at": first}, {"at": second, "n": 1}]
    assert stored(tmp_path, kind, times.dictionary_encode()) == [first, second]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("unit", "number"),
    [
        (pyarrow.timestamp("s"), 253_402_300_800),
        (pyarrow.timestamp("us", "UTC"), 253_402_300_800 * 10**6),
        (pyarrow.date32(), 2_932_897),
    ],
)
def test_a_date_beyond_the_year_9999_is_refused_by_row(tmp_path, kind, unit, number):
    numbers = pyarrow.array([0, number, 1], pyarrow.int64())
    dates = numbers.cast(pyarrow.int32()) if unit == pyarrow.date32() else numbers
    path = save(tmp_path, kind, {"when": dates.cast(unit)})
    good, bad, also = made(path)
    assert isinstance(good, Document)
    assert isinstance(also, Document)
    assert good.metadata["when"].startswith("1970-01-01")
    assert "the field 'when' is a date outside the years 1 to 9999" in bad.reason
    assert "`drop_fields=['when']`" in bad.reason
    assert (bad.origin.line, bad.id) == (2, "2")
    assert "broken JSON" in again(bad).reason
    mended = bad.raw[: bad.raw.index('"when": ')] + '"when": "9999-12-31"}'
    assert again(bad, raw=mended).metadata == {"when": "9999-12-31"}
    assert [each.metadata for each in made(path, drop_fields=("when",))] == [{}] * 3


@pytest.mark.parametrize("kind", KINDS)
def test_a_string_that_is_no_utf_8_is_refused_by_row(tmp_path, kind):
    texts = invalid(b"good", b'"caf\xe9"', "grün".encode())
    path = write(tmp_path, kind, pyarrow.table({"id": [1, 2, 3], "text": texts, "tag": texts}))
    good, bad, also = made(path)
    assert (good.text, also.text) == ("good", "grün")
    assert bad.reason == "text is invalid UTF-8 and must be a string or a list of strings"
    assert (bad.origin.line, bad.id) == (2, "2")
    assert "broken JSON" in again(bad).reason
    mended = again(bad, raw=bad.raw.replace("\\xe9", "é"))
    assert mended.text == '"café"'
    (by_tag,) = (
        each
        for each in made(path, text_fields=("tag",), drop_fields=("text",))
        if isinstance(each, Reject)
    )
    assert by_tag.reason == "tag is invalid UTF-8 and must be a string or a list of strings"


def test_strings_in_a_list_that_are_no_utf_8(tmp_path):
    texts = invalid(b"a", b"\xff", b"c", b"d")
    path = save(tmp_path, "arrow", {"tags": pyarrow.LargeListArray.from_arrays([0, 2, 4], texts)})
    bad, good = made(path)
    assert (
        "'tags' is invalid UTF-8: mend it, or leave it out with `drop_fields=['tags']`"
        in bad.reason
    )
    assert good.metadata == {"tags": ["c", "d"]}


@pytest.mark.parametrize("kind", KINDS)
def test_maps_are_objects(tmp_path, kind):
    of_text = pyarrow.map_(pyarrow.string(), pyarrow.int64())
    array = pyarrow.array([[("z", 2), ("a", None)], [], None], of_text)
    assert stored(tmp_path, kind, array) == [{"z": 2}, {}, None]
    of_numbers = pyarrow.map_(pyarrow.int64(), pyarrow.list_(of_text))
    array = pyarrow.array([[(7, [[("z", 2)]])]], of_numbers)
    assert stored(tmp_path, kind, array) == [{"7": [{"z": 2}]}]


def test_a_map_with_a_key_twice_is_refused_by_row(tmp_path):
    kind = pyarrow.map_(pyarrow.string(), pyarrow.int64())
    bad, good = made(
        save(tmp_path, "arrow", {"m": pyarrow.array([[("z", 2), ("z", 3)], []], kind)})
    )
    assert "the key 'z' is there twice" in bad.reason
    assert "`drop_fields=['m']`" in bad.reason
    assert good.metadata == {"m": {}}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("number", "shown"), [("nan", "NaN"), ("inf", "Infinity"), ("-inf", "-Infinity")]
)
def test_a_number_that_json_does_not_have_is_refused_by_name(tmp_path, kind, number, shown):
    path = save(tmp_path, kind, {"n": [1.5, float(number)], "v": [[float(number)], [0.0]]})
    first, second = made(path)
    assert f"the field 'v' is {number}, a number that JSON does not have" in first.reason
    assert f"the field 'n' is {number}" in second.reason
    assert "`drop_fields=['n']`" in second.reason
    assert f'"n": {shown}' in second.raw
    assert again(second).reason == second.reason
    assert again(second, raw=second.raw.replace(shown, "2.5")).metadata == {"n": 2.5, "v": [0.0]}
    assert [each.metadata for each in made(path, drop_fields=("n", "v"))] == [{}, {}]


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_twice_is_refused_naming_it(tmp_path, kind):
    columns = [pyarrow.array(["1"]), pyarrow.array(["x"]), pyarrow.array(["y"])]
    path = write(tmp_path, kind, pyarrow.Table.from_arrays(columns, names=["id", "text", "text"]))
    with pytest.raises(SourceError, match=r"has the column 'text' twice: rename one of them\."):
        read(path)


def test_a_file_without_columns_loses_no_row(tmp_path):
    sink = io.BytesIO()
    batch = pyarrow.RecordBatch.from_struct_array(pyarrow.array([{}, {}], pyarrow.struct([])))
    with pyarrow.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)
    path = tmp_path / "a.arrow"
    path.write_bytes(sink.getvalue())
    assert values(read(path)) == [{}, {}]


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_gone_is_not_called_damaged(tmp_path, kind):
    with pytest.raises(SourceError, match=r"cannot be read: it was removed meanwhile\."):
        list(read_columnar(SourceFile(tmp_path / "gone"), kind, Position([])))
