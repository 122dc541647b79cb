"""Documents as Python holds them: tables, data sets, models, and values that JSON does not have."""

import datetime as dt
import enum
import uuid
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from decimal import Decimal

import datasets
import numpy as np
import pandas
import polars
import pyarrow
import pydantic
import pytest
from pyarrow import dataset, parquet

from ingest import Reading, SourceError
from ingest.read.rows import Rows
from ingest.records import Document
from tests.support.files import made, read, values

COLUMNS = {
    "id": ["a", "b", "c"],
    "text": ["one", "two", "three"],
    "year": [1990, None, 2010],
    "price": [1.5, float("nan"), 3.0],
    "when": [dt.datetime(2020, 1, 2, 3, 4, 5), None, dt.datetime(2021, 1, 1)],
}
ROWS = [
    {"id": "a", "text": "one", "year": 1990, "price": 1.5, "when": "2020-01-02T03:04:05"},
    {"id": "b", "text": "two"},
    {"id": "c", "text": "three", "year": 2010, "price": 3.0, "when": "2021-01-01T00:00:00"},
]
TABLE = pyarrow.table(COLUMNS)
FRAMES = {
    "pandas": lambda: pandas.DataFrame(COLUMNS),
    "pandas of Arrow": lambda: TABLE.to_pandas(types_mapper=pandas.ArrowDtype),
    "polars": lambda: polars.DataFrame(COLUMNS),
    "polars, lazy and collected": lambda: polars.LazyFrame(COLUMNS).collect(),
    "an Arrow table": lambda: TABLE,
    "an Arrow batch": lambda: TABLE.to_batches()[0],
    "an Arrow reader": lambda: TABLE.to_reader(),
    "a data set": lambda: datasets.Dataset.from_dict(COLUMNS),
    "a streamed data set": lambda: datasets.Dataset.from_dict(COLUMNS).to_iterable_dataset(),
    "dicts of pandas": lambda: pandas.DataFrame(COLUMNS).to_dict("records"),
    "tuples of pandas": lambda: pandas.DataFrame(COLUMNS).itertuples(index=False),
    "rows of polars": lambda: polars.DataFrame(COLUMNS).iter_rows(named=True),
    "a generator": lambda: (dict(row) for row in ROWS),
}


@pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES)
def test_every_table_gives_the_same_rows(make):
    rows = Rows(make(), Reading())
    first = rows.sample()
    # What nothing says is missing may be null or left out: both are absent in an index.
    assert [{k: v for k, v in row.items() if v is not None} for row in values(list(rows))] == ROWS
    assert len(first) == 3


def test_a_data_set_on_the_disk_is_read_in_batches(tmp_path):
    parquet.write_table(TABLE, tmp_path / "a.parquet")
    assert len(read(dataset.dataset(tmp_path))) == 3


def test_the_named_index_of_a_frame_is_a_column_and_others_are_not():
    frame = pandas.DataFrame(COLUMNS)
    assert [each.id for each in made(frame.set_index("id"))] == ["a", "b", "c"]
    assert "index" not in read(frame[::2])[1].value


def test_ids_that_a_gap_made_fractions_are_told():
    frame = pandas.DataFrame({"id": [1, None, 3], "text": ["x", "y", "z"]})
    first, gap, _ = made(frame)
    assert "the id is 1.0, a whole number written as a fraction, as pandas" in first.reason
    assert "no id" in gap.reason
    mended = frame.assign(id=frame["id"].astype("Int64"))
    assert [getattr(each, "id", None) for each in made(mended)] == ["1", None, "3"]


Point = namedtuple("Point", "id text")


@dataclass
class Deep:
    n: int


@dataclass
class Page:
    id: int
    text: str
    deep: Deep


class Model(pydantic.BaseModel):
    id: str
    text: str
    price: Decimal
    deep: dict[str, dt.date]


@pytest.mark.parametrize(
    ("item", "metadata"),
    [
        (Point("1", "x"), {}),
        (Page(1, "x", Deep(2)), {"deep": {"n": 2}}),
        (
            Model(id="1", text="x", price="1.50", deep={"d": dt.date(2020, 1, 2)}),
            {"price": 1.5, "deep": {"d": "2020-01-02"}},
        ),
        (OrderedDict(id="1", text="x"), {}),
        (pandas.Series({"id": "1", "text": "x"}), {}),
    ],
)
def test_what_is_as_good_as_a_dict(item, metadata):
    (found,) = made([item])
    assert isinstance(found, Document)
    assert (found.id, found.text, found.metadata) == ("1", "x", metadata)


class Colour(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.int64(5), 5),
        (np.float32(0.5), 0.5),
        (np.float64(0.5), 0.5),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.array([1, 2]), [1, 2]),
        (np.datetime64("2020-01-02T03:04:05.123456789"), "2020-01-02T03:04:05.123456789"),
        (np.timedelta64(90, "s"), "PT90S"),
        (pandas.Timestamp("2020-01-02", tz="UTC"), "2020-01-02T00:00:00+00:00"),
        (pandas.Timedelta("1s"), "PT1S"),
        (dt.timedelta(milliseconds=1500), "PT1.5S"),
        (dt.date(2020, 1, 2), "2020-01-02"),
        (Decimal("19.90"), 19.9),
        (Decimal("7"), 7),
        (Decimal("0.12345678901234567890123"), "0.12345678901234567890123"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (b"ab", "YWI="),
        (("a", np.int8(1)), ["a", 1]),
        ({"b", "a"}, ["a", "b"]),
        ({"deep": {"n": np.int16(3)}}, {"deep": {"n": 3}}),
        (Colour.RED, "red"),
    ],
)
def test_values_become_those_of_json(value, plain):
    (row,) = read([{"id": "1", "text": "x", "v": value}])
    assert row.value["v"] == plain
    assert type(row.value["v"]) is type(plain)


@pytest.mark.parametrize(
    "missing",
    [float("nan"), np.float32("nan"), pandas.NaT, pandas.NA, np.datetime64("NaT"), Decimal("NaN")],
)
def test_missing_values_are_absent(missing):
    (row,) = read([{"id": "1", "text": "x", "v": missing}])
    assert row.value == {"id": "1", "text": "x"}
    assert row.raw is None


def test_text_of_a_table_that_is_no_utf_8_is_told_by_its_field():
    buffers = pyarrow.array([b"caf\xe9"]).buffers()
    tags = pyarrow.StringArray.from_buffers(1, buffers[1], buffers[2])
    (bad,) = made(pyarrow.table({"id": ["1"], "text": ["x"], "tag": tags}))
    assert "the field 'tag' is invalid UTF-8" in bad.reason


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"id": 1, "text": "x"}, "put the one document into a list"),
        (b"id,text", "give the path of a file"),
        ("A text.\nIn two lines.", "is a text and no path: give a list of dicts"),
        (5, "give a path, a list of dicts, or a table"),
        (None, "give a path, a list of dicts, or a table"),
        ({"a", "b"}, "a set has no order"),
        (Point("1", "x"), "put the one document into a list"),
        (Page(1, "x", Deep(1)), "put the one document into a list"),
        (pandas.Series(["x"]), "give the whole DataFrame"),
        (polars.Series(["x"]), "give the whole table"),
        (polars.LazyFrame(COLUMNS), r"give what its collect\(\) returns"),
        (datasets.DatasetDict(train=datasets.Dataset.from_dict({"a": [1]})), r"source\['train'\]"),
        (pandas.DataFrame([[1, 2]], columns=["a", "a"]), "the table has the column 'a' twice"),
    ],
)
def test_any_other_source_is_refused_at_once(source, said):
    with pytest.raises(SourceError, match=said):
        Rows(source, Reading())


def test_an_open_file_is_refused_with_the_cure(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("{}")
    with path.open() as file, pytest.raises(SourceError, match="the path of the file instead"):
        Rows(file, Reading())


def test_texts_instead_of_documents_are_refused_at_the_first():
    with pytest.raises(SourceError, match="the first document is a string and must be a dict"):
        list(Rows((text for text in ["one", "two"]), Reading()))
