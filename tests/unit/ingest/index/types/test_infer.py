"""Types told by the first documents: cautiously, and without a value changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import Reading
from ingest.index.types.fit import Fitter
from ingest.index.types.infer import infer_types
from ingest.read.documents import DocumentMaker
from ingest.records import Origin, Reject, Row
from mappings import Fields

HERE = Origin("a", 1)


def documents(values, *, cells=False):
    rows = [
        Row(HERE, {"id": str(n), "text": "x", **value}, cells=cells)
        for n, value in enumerate(values)
    ]
    return list(DocumentMaker(Reading(), Fields()).make(iter(rows)))


def inferred(*values, cells=False):
    return infer_types(documents([{"f": v} for v in values], cells=cells), {}).types.get("f")


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["10", "10.5"], "double"),
        (["1"] * 9 + ["TBD"], "keyword"),
        (["00123", "12345"], "keyword"),
        (["True", "False"], "boolean"),
        (["2015-01-01", "31.12.2015"], "date"),
        (["1/2/2015", "1/13/2015"], "date:M/d/uuuu[ H:mm[:ss]]"),
        (["1/2/2015", "3/4/2015"], "keyword"),
        (["9007199254740993", "1"], "long"),
        (["9007199254740993", "1.5"], "keyword"),
        (["[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]"] * 2, "unindexed"),
        (["[0.1 0.2 0.3 0.4\n 0.5 0.6 0.7 -8e-3]"] * 2, "unindexed"),
    ],
)
def test_types_of_cells(cells, kind):
    assert inferred(*cells, cells=True) == kind


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([10, 10.5], "double"),
        ([1, "TBD"], "keyword"),
        ([*range(99), "TBD"], "keyword"),
        ([*range(999), "TBD"], "double"),
        (["1990", "1991"], "keyword"),
        ([["2015-01-01", "2016-01-01"], []], "date"),
        ([[0.5] * 8, [1] * 7 + [0.5]], "unindexed"),
        ([[0.5] * 8, [0.5] * 9], None),
        ([[0.5] * 8, [], None], "unindexed"),
        ([[[0.5] * 8] * 3, [[0.5] * 8] * 2], "unindexed"),
        ([[-128] * 64, [127] * 64], "unindexed"),
        ([[1] * 12, [2] * 12], "double"),
        ([[4.5, 3.5]], "double"),
        ([None, "", 3], "double"),
        ([{"a": 1}, 3], None),
        ([{"lat": 1, "lon": 2.5}], "geo_point"),
    ],
)
def test_types_of_values(values, kind):
    assert inferred(*values) == kind


def test_nested_names_versions_and_what_was_set():
    given_types = {"set": "keyword", "flat": "flat"}
    value = {"a": {"b": 1}, "version": "1.2.3.4", "set": 1, "flat": {"x": 1}}
    assert infer_types(documents([value]), given_types).types == {
        "a.b": "double",
        "version": "keyword",
        **given_types,
    }


def test_dates_that_could_be_two_are_told():
    assert infer_types(documents([{"f": "1/2/2015"}]), {}).ambiguous == ("f",)


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.from_regex(r"[0-9]{1,3}[.,/-][0-9]{1,2}", fullmatch=True)
    | st.dates().map(str)
    | st.ip_addresses().map(str)
)
values = scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.sampled_from("xyz"), scalars)


@given(st.lists(st.dictionaries(st.sampled_from("abc"), values), min_size=1, max_size=6))
def test_inference_never_changes_a_value(rows):
    made = documents(rows)
    fitter = Fitter(infer_types(made, {}).types)
    for document in made:
        fitted = fitter.fit(document)
        assert not isinstance(fitted, Reject), fitted
        for name, value in fitted.metadata.items():
            assert value == document.metadata[name] or "" in (document.metadata[name] or [])


@given(st.lists(st.text(max_size=8) | st.from_regex(r"-?[0-9]{1,5}\.?[0-9]*"), min_size=1))
def test_a_cell_stays_as_it_was_written_but_for_booleans(cells):
    made = documents([{"f": cell} if cell else {} for cell in cells], cells=True)
    fitter = Fitter(infer_types(made, {}).types)
    for document in made:
        fitted = fitter.fit(document)
        assert not isinstance(fitted, Reject), fitted
        kept = fitted.metadata.get("f")
        assert str(kept).lower() == str(document.metadata.get("f")).lower()


def test_vectors_in_a_list_of_objects_are_found():
    chunks = [{"chunks": [{"n": 1, "emb": [0.5] * 8}, {"n": 2, "emb": [0.25] * 8}]}]
    assert infer_types(documents(chunks), {}).types == {"chunks.emb": "unindexed"}
