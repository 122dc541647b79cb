"""Which values are of which type, and what the types are in a mapping."""

import pytest

from mappings import MappingError, Shape
from mappings.body import metadata_properties
from mappings.types import DAY_FIRST, MONTH_FIRST, candidates, check_of, is_date, is_place, type_of

DATES = [
    "2015-01-31",
    "2015-01",
    "2015-01-31T10:00:00Z",
    "2015-01-31T10:00:00.123456+01:00",
    "2015-01-31T10:00",
    "2015-01-31 10:00:00",
    "2015-01-31 10:00:00.123456+00",
    "2015-01-31 10:00:00 UTC",
    "2015/01/31",
    "2015/1/31 9:05",
    "31.01.2015",
    "31.1.2015 10:00:00",
    "Sat, 31 Jan 2015 23:00:00 GMT",
    "Sat Jan 31 20:19:24 +0000 2015",
    "31 Jan 2015",
    "31 January 2015",
    "Jan 31, 2015",
    "January 31, 2015",
]
NO_DATES = [
    "2015",
    "2015-02-31",
    "2015-13-01",
    "1234-56",
    "31.02.2015",
    "soon",
    "2015-1-5",
    "1/2/15",
]


@pytest.mark.parametrize("text", DATES)
def test_dates_in_the_usual_spellings(text):
    assert is_date(text)
    assert "date" in candidates(text, cell=False)


@pytest.mark.parametrize("text", NO_DATES)
def test_what_is_no_date(text):
    assert not is_date(text)


@pytest.mark.parametrize(
    ("value", "cell", "kinds"),
    [
        (10, False, {"double", "long", "keyword"}),
        (10.5, False, {"double", "keyword"}),
        (2**53 + 1, False, {"long", "keyword"}),
        (2**63, False, {"keyword"}),
        (True, False, {"boolean", "keyword"}),
        ("10", True, {"double", "long", "keyword"}),
        ("10", False, {"keyword"}),
        ("00123", True, {"keyword"}),
        ("+49", True, {"keyword"}),
        ("1e5", True, {"keyword"}),
        ("1.5e-07", True, {"double", "keyword"}),
        ("1,234", True, {"keyword"}),
        ("TRUE", True, {"boolean", "keyword"}),
        ("true", False, {"keyword"}),
        ("1/2/2015", True, {DAY_FIRST, MONTH_FIRST, "keyword"}),
        ("13/1/2015", True, {DAY_FIRST, "keyword"}),
        ("10.0.0.1", False, {"ip", "keyword"}),
        ("2001:db8::1", False, {"ip", "keyword"}),
        ("10.0.0", False, {"keyword"}),
        ("52.5,13.4", False, {"geo_point", "keyword"}),
        ("-33.9, -70.6", False, {"geo_point", "keyword"}),
        ("1,5", True, {"keyword"}),
        ("95.5,13.4", False, {"keyword"}),
        ({"lat": 52.5, "lon": 13.4}, False, {"geo_point"}),
        ({"type": "Point", "coordinates": [13.4, 52.5]}, False, {"geo_point"}),
        ({"lat": 52.5}, False, set()),
    ],
)
def test_what_a_value_could_be(value, cell, kinds):
    assert candidates(value, cell=cell) == kinds


@pytest.mark.parametrize(
    ("kind", "fitting", "not_fitting"),
    [
        ("long", [1, "1", -5, 2.0, 2**62], ["TBD", 1.5, True, 2**63, "1.5", {}]),
        ("double", [1, 1.5, "1.50", "1e5"], ["TBD", True, 2**53 + 1, str(2**53 + 1), "nan", "1_0"]),
        ("boolean", [True, "false"], ["yes", 1]),
        ("date", ["2015-01-01", 20150101, "2015"], [1420070400, "soon", 1.5, "20159901"]),
        ("ip", ["::1", "10.0.0.1"], ["10.0.0.0/8", 5, "fe80::1%eth0"]),
        ("byte", [127], [128]),
    ],
)
def test_what_fits_a_type(kind, fitting, not_fitting):
    fits = check_of(kind)
    assert all(map(fits, fitting)), [v for v in fitting if not fits(v)]
    assert not any(map(fits, not_fitting)), [v for v in not_fitting if fits(v)]


def test_a_place_on_no_earth():
    assert not is_place({"lat": True, "lon": 1})
    assert not is_place({"type": "Point", "coordinates": [200, 0]})


def test_types_by_dotted_names():
    shape = Shape(field_types={"a.b": "long", "a.c": "date", "d": "flat", "e": "date:epoch_second"})
    made = metadata_properties(shape, "elasticsearch")
    assert made["a"]["properties"]["b"] == {"type": "long"}
    assert made["d"] == {"type": "flattened"}
    assert metadata_properties(shape, "opensearch")["d"] == {"type": "flat_object"}
    assert type_of(made["a"]["properties"]["c"]) == "date"
    assert type_of(made["e"]) == "date:epoch_second"


@pytest.mark.parametrize(
    ("types", "said"),
    [
        ({"a": "number"}, "unknown type 'number': use keyword, text, long"),
        ({"a": "long:x"}, "unknown type"),
        ({"text": "keyword"}, "'text' is a field that Tandem writes itself"),
    ],
)
def test_types_that_are_none(types, said):
    with pytest.raises(MappingError, match=said):
        Shape(field_types=types)
