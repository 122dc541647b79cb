"""Values that JSON cannot hold: refused by name, dropped at will, and never altered."""

import json

import orjson
import pytest

from ingest.read.rejects import RejectsFile, envelope
from ingest.read.values import MOST_LEVELS, fault_of, levels_of
from ingest.records import Document, Origin, Reject, stamp
from tests.support.files import again, made, put

BIG = 123456789012345678901234567890


def nested(levels, inner="1"):
    """JSON of arrays and objects in turn, so many levels deep."""
    opening = "".join('{"a": ' if n % 2 else "[" for n in range(levels))
    closing = "".join("}" if n % 2 else "]" for n in reversed(range(levels)))
    return f"{opening}{inner}{closing}"


def line(**fields):
    """A line of JSONL; a field is JSON already."""
    return '{"id": "1", "text": "x"' + "".join(f', "{k}": {v}' for k, v in fields.items()) + "}"


def one(tmp_path, text, **reading):
    (found,) = made(put(tmp_path, "a.jsonl", text + "\n"), **reading)
    return found


@pytest.mark.parametrize("number", [BIG, -BIG, 2**64, -(2**63) - 1])
def test_an_integer_beyond_64_bits_is_refused_and_kept_as_it_stood(tmp_path, number):
    text = line(n=number, year=1)
    found = one(tmp_path, text)
    assert isinstance(found, Reject)
    assert f"'n' is {number}, which has more than 64 bits" in found.reason
    assert "`drop_fields=['n']`" in found.reason
    assert (found.id, found.document, found.raw) == ("1", None, text)
    assert again(found).reason == found.reason
    assert again(found, raw=line(n=f'"{number}"')).metadata == {"n": str(number)}


@pytest.mark.parametrize(
    "number", [2**64 - 1, -(2**63), "1e30", "-1.5e300", "9223372036854775808.0"]
)
def test_other_large_numbers_are_kept(tmp_path, number):
    found = one(tmp_path, line(n=number))
    assert found.metadata == {"n": json.loads(str(number))}
    assert isinstance(found.source, dict)


def test_a_big_integer_is_found_and_dropped_wherever_it_is(tmp_path):
    text = line(m=f'{{"a": [{{"b": {BIG}}}]}}')
    assert "`drop_fields=['m.a.b']`" in one(tmp_path, text).reason
    found = one(tmp_path, text, drop_fields=("m.a",))
    assert found.metadata == {"m": {}}
    # Should the cluster refuse it, what it was is told as it was.
    assert envelope(found.rejected("why"))["raw"] == text


def test_a_big_integer_is_an_id_with_all_its_digits(tmp_path):
    found = one(tmp_path, f'{{"id": {BIG}, "text": "x"}}')
    assert (found.id, found.metadata) == (str(BIG), {})


def test_a_line_that_is_no_object_is_kept_as_it_stood(tmp_path):
    for text in (f"[{BIG}]", nested(300), f"{BIG}"):
        data = f'{{"id": "1", "text": "x"}}\n{text}\n'
        assert made(put(tmp_path, "a.jsonl", data))[1].raw == text


def test_a_document_nested_too_deeply_is_refused_with_both_numbers_and_the_cure(tmp_path):
    text = line(deep=nested(299))
    found = one(tmp_path, text)
    assert isinstance(found, Reject)
    assert f"'deep' is nested 300 levels deep and at most {MOST_LEVELS} are taken" in found.reason
    assert "`drop_fields=['deep']`" in found.reason
    assert found.raw == text
    assert one(tmp_path, text, drop_fields=("deep",)).metadata == {}
    with_both = line(deep=nested(299), n=BIG)
    assert "64 bits" in one(tmp_path, with_both, drop_fields=("deep",)).reason


@pytest.mark.parametrize("levels", [1020, 1024, 1025, 5000])
def test_a_document_too_deep_to_be_read_is_refused_with_both_numbers(tmp_path, levels):
    text = line(deep=nested(levels - 1, '"]]] \\" {{{"'))
    found = one(tmp_path, text)
    assert f"nested {levels:,} levels deep and at most {MOST_LEVELS}" in found.reason
    assert found.raw == text


def test_the_deepest_document_that_is_taken_can_be_stamped_and_rejected(tmp_path):
    found = one(tmp_path, line(deep=nested(MOST_LEVELS - 1)))
    assert isinstance(found, Document)
    assert stamp("f", "x", dict(found.metadata), 1)
    rejects = RejectsFile(tmp_path / "r")
    rejects.write(found.rejected("why"))
    rejects.close()
    assert json.loads((tmp_path / "r").read_text())["document"] == found.source
    assert isinstance(one(tmp_path, line(deep=nested(MOST_LEVELS))), Reject)
    with pytest.raises(TypeError):  # what the limit is for
        orjson.dumps({"document": json.loads(line(deep=nested(MOST_LEVELS + 1)))})


def test_levels_are_counted_outside_strings():
    assert levels_of(b'{"[[[": ["\\"[{", {}], "a": [1, 2]}') == 3
    assert fault_of({"a": [1.5, {"b": None}], "c": True, "d": "x"}) is None


def test_python_rows_are_held_to_the_same(tmp_path):
    deep = json.loads(nested(MOST_LEVELS))
    bottomless = []
    for _ in range(2000):
        bottomless = [bottomless]
    rows = [
        {"id": 1, "text": "x", "n": [float("nan")]},
        {"id": 2, "text": "x", "m": {"n": [float("-inf")]}},
        {"id": 3, "text": "x", "n": BIG},
        {"id": 4, "text": "x", "deep": deep},
        {"id": 5, "text": "x", "deep": bottomless},
        {"id": 6, "text": "x", "n": 1e300},
    ]
    nan, inf, big, deep, bottomless, good = made(iter(rows))
    assert "'n' is nan, a number that JSON does not have" in nan.reason
    assert nan.raw == '{"id": 1, "text": "x", "n": [NaN]}'
    assert again(nan).reason == nan.reason
    assert "`drop_fields=['m.n']`" in inf.reason
    assert "64-bit" in big.reason
    assert "254 levels deep" in deep.reason
    assert "cannot be JSON" in bottomless.reason
    assert isinstance(good, Document)
    assert all(json.dumps(envelope(each)) for each in (nan, inf, big, deep, bottomless))
    assert all(each.origin == Origin("documents", n + 1) for n, each in enumerate([nan, inf]))
    dropped = made(iter(rows), drop_fields=("n", "m"))
    assert [isinstance(each, Document) for each in dropped] == [
        True,
        True,
        False,
        False,
        False,
        True,
    ]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_a_number_in_jsonl_that_json_does_not_have_is_told_by_its_field(tmp_path, number):
    text = line(price=number)
    found = one(tmp_path, text)
    shown = str(float(number))
    assert found.reason.startswith(f"the field 'price' is {shown}, a number that JSON does not")
    assert (found.id, found.raw) == ("1", text)
    assert one(tmp_path, text, drop_fields=("price",)).metadata == {}
    assert "broken JSON" in one(tmp_path, f"{text} NaN").reason
