"""Metadata by type: the same answers, whatever the file was and whichever cluster it went into."""

import csv
import json

import pyarrow
import pytest
from pyarrow import parquet

from ingest import IndexRefusedError, Plan, Reading
from ingest.index.describe import describe
from ingest.run.dry_run import dry_run
from mappings import Shape
from query import FilterError, Searcher
from tests.support.loads import ingested, lines_of, stored
from tests.support.stubs import StubEncoder
from tests.unit.mappings.test_types import DATES

# Whole numbers first, so that 10.5 comes to a field that began with 10.
ROWS = [
    {
        "id": f"d{n}",
        "text": f"bee {n}",
        "price": 10 if n < 3 else 10 + n + 0.5,
        "published": f"20{n + 10}-0{n + 1}-15",
        "seen": f"{n + 13}/01/2015",
        "read": n % 2 == 0,
        "ip": f"10.0.{n % 2}.{n}",
        "place": f"52.{n},13.4",
        "code": f"{n:05}",
        "stock": str(n) if n < 7 else "TBD",
    }
    for n in range(8)
]
TYPES = {
    "price": "double",
    "published": "date",
    "seen": "date:d/M/uuuu[ H:mm[:ss]]",
    "read": "boolean",
    "ip": "ip",
    "place": "geo_point",
    "code": "keyword",
    "stock": "keyword",
}
QUESTIONS = [
    ("price>10", "34567"),
    ("price>=10", "01234567"),
    ("price=13.5", "3"),
    ("price<=14.5", "01234"),
    ("published>=2014-05-15", "4567"),
    ("published>2014-05-15", "567"),
    ("published<2012", "01"),
    ("published=2013-04-15", "3"),
    ("published<now-30d", "01234567"),
    ("published>=now-30d", ""),
    ("published>=soon", None),
    ("seen>=2015-01-15", "234567"),
    ("seen>15/01/2015", "34567"),
    ("seen=2015-01-15,2015-01-17", "24"),
    ("read=true", "0246"),
    ("ip=10.0.1.0/24", "1357"),
    ("ip=10.0.0.0/24,10.0.1.7", "02467"),
    ("ip>=10.0.1.3", "357"),
    ("ip=10.0.0", None),
    ("place~52.2,13.4<5km", "2"),
    ("place~52.2,13.4<12km", "123"),
    ("place~91,13.4<12km", None),
    ("code=00003", "3"),
    ("stock=TBD,1", "17"),
]


def as_file(folder, kind):
    path = folder / f"rows.{kind}"
    if kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    elif kind == "csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, ROWS[0])
            writer.writeheader()
            writer.writerows(ROWS)
    else:
        parquet.write_table(pyarrow.Table.from_pylist(ROWS), path)
    return path


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_questions_of_each_type_have_the_same_answers(either, index_name, tmp_path, kind):
    encoder, path = StubEncoder(), as_file(tmp_path, kind)
    planned = dry_run(path, cluster=either, encoder=encoder, index=index_name)
    assert planned.types == TYPES
    assert planned.body["mappings"]["properties"]["price"] == {"type": "double"}
    report = ingested(path, cluster=either, encoder=encoder, index=index_name)
    assert (report.written, report.rejected) == (8, 0)
    either.client.indices.refresh(index=index_name)
    fields = describe(either, index_name)["fields"]
    assert {name: fields[name] for name in TYPES} == TYPES
    searcher = Searcher(either, index_name)
    for condition, expected in QUESTIONS:
        if expected is None:
            with pytest.raises(FilterError):
                searcher.search("bee", mode="bm25", where=[condition])
            continue
        hits = searcher.search("bee", mode="bm25", where=[condition], k=10)
        assert "".join(sorted(hit.id[1:] for hit in hits)) == expected, condition


def test_what_does_not_fit_its_type_is_named_or_kept_beside_it(either, index_name, tmp_path):
    rows = [
        {"id": str(n), "text": "x", "year": year, "seen": {"at": at}}
        for n, (year, at) in enumerate([(1990, "2015-01-01"), ("TBD", "2015-01-01"), (1, "soon")])
    ]
    shape = Shape(field_types={"year": "long", "seen.at": "date"})
    given = {"cluster": either, "encoder": StubEncoder(), "index": index_name}
    rejects = tmp_path / "r"
    report = ingested(rows, plan=Plan(shape=shape, rejects=rejects), **given)
    assert (report.written, report.rejected) == (1, 2)
    first, second = (line["reason"] for line in lines_of(rejects))
    assert "failed to parse field [year] of type [long], for it is 'TBD': " in first
    assert "failed to parse field [seen.at] of type [date], for it is 'soon': " in second
    plan = Plan(shape=shape, reading=Reading(keep_misfits=True), rejects=rejects)
    assert ingested(rows, plan=plan, **given).written == 2
    found = stored(either, index_name)
    assert found["1"]["year_misfit"] == "TBD"
    assert "year" not in found["1"]
    assert found["2"]["seen"] == {"at_misfit": "soon"}


def test_an_index_keeps_its_types_and_gets_those_it_lacks(either, index_name, tmp_path):
    given = {"cluster": either, "encoder": StubEncoder(), "index": index_name}
    ingested([{"id": "1", "text": "x", "n": 1, "v": [0.5] * 8}], **given)
    other = Plan(shape=Shape(field_types={"n": "keyword"}), rejects=tmp_path / "r")
    with pytest.raises(IndexRefusedError, match="'n' of the index has type double"):
        ingested([{"id": "2", "text": "x", "n": "a"}], plan=other, **given)
    report = ingested(
        [{"id": "2", "text": "x", "n": "a", "day": "2015-01-01"}],
        plan=Plan(rejects=tmp_path / "r"),
        **given,
    )
    assert report.rejected == 1
    fields = describe(either, index_name)["fields"]
    assert (fields["n"], fields["day"], fields["v"]) == ("double", "date", "unindexed")


def test_a_mapping_that_would_refuse_the_documents_is_told_before_the_load(either, index_name):
    given = {"cluster": either, "encoder": StubEncoder(), "index": index_name}
    ingested([{"id": "1", "text": "x", "n": 1}], **given)
    either.client.indices.put_mapping(index=index_name, body={"dynamic": "strict"})
    rows = [{"id": "2", "text": "x", "n": 2, "more": "a"}]
    with pytest.raises(IndexRefusedError, match=r"is strict and lacks 1 .* \(more\)"):
        ingested(rows, **given)
    added = Plan(shape=Shape(field_types={"more": "keyword"}))
    assert ingested(rows, plan=added, **given).written == 1


def test_a_template_that_makes_a_new_index_strict_is_told_and_leaves_none(opensearch, index_name):
    body = {
        "index_patterns": [f"{index_name}*"],
        "template": {"mappings": {"dynamic": "strict"}},
    }
    opensearch.client.indices.put_index_template(name=index_name, body=body)
    try:
        # A type is told for the first field, and none for the second.
        rows = [{"id": "1", "text": "x", "n": 1, "odd": [{"a": 1}, 2]}]
        with pytest.raises(IndexRefusedError, match="strict"):
            ingested(rows, cluster=opensearch, encoder=StubEncoder(), index=index_name)
        assert not opensearch.client.indices.exists(index=index_name)
    finally:
        opensearch.client.indices.delete_index_template(name=index_name)


def test_more_fields_than_an_index_takes_are_told_with_the_cure_that_works(opensearch, index_name):
    rows = [{"id": "1", "text": "x", "scores": {f"s{n}": n for n in range(1100)}}]
    given = {"cluster": opensearch, "encoder": StubEncoder(), "index": index_name}
    (warning,) = dry_run(rows, **given).warnings
    for said in ("1,100 fields", "`field_types={'scores': 'flat'}`"):
        assert said in warning
    with pytest.raises(IndexRefusedError, match=r"`field_types={'scores': 'flat'}`"):
        ingested(rows, **given)
    flat = Plan(shape=Shape(field_types={"scores": "flat"}))
    assert ingested(rows, plan=flat, **given).written == 1
    opensearch.client.indices.refresh(index=index_name)
    hits = Searcher(opensearch, index_name).search("x", mode="bm25", where=["scores.s7=7"])
    assert [hit.id for hit in hits] == ["1"]


def test_every_spelling_of_a_date_that_we_take_the_cluster_takes(either, index_name):
    rows = [{"id": str(n), "text": "x", "day": each} for n, each in enumerate(DATES)]
    given = {"cluster": either, "encoder": StubEncoder(), "index": index_name}
    assert ingested(rows, **given).written == len(DATES)
    either.client.indices.refresh(index=index_name)
    searcher = Searcher(either, index_name)
    hits = searcher.search("x", mode="bm25", where=["day>=2015-01", "day<2015-02"], k=50)
    assert len(hits) == len(DATES)
