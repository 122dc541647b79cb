"""Values that JSON cannot hold: refused by name, dropped at will, and never altered."""

import json
import random

import orjson
import pytest

from ingest import Reading, SourceError
from ingest.read.formats.arrays import _LongIntegers
from ingest.read.rejects import RejectsFile, envelope
from ingest.read.rows import Rows
from ingest.read.values import MOST_LEVELS, fault_of, levels_of
from ingest.records import Document, Origin, Reject, stamp
from tests.support.files import again, made, put

BIG = 123456789012345678901234567890
# More digits than Python reads.
LONG = "9" * 5000


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
    assert f"'n' is {BIG}, which has more than 64 bits" in big.reason
    assert big.id == "3"
    assert "254 levels deep" in deep.reason
    assert "'deep' is nested 2,002 levels deep" in bottomless.reason
    assert isinstance(good, Document)
    assert all(json.dumps(envelope(each)) for each in (nan, inf, big, deep, bottomless))
    assert all(each.origin == Origin("documents", n + 1) for n, each in enumerate([nan, inf]))
    dropped = made(iter(rows), drop_fields=("n", "m"))
    assert [isinstance(each, Document) for each in dropped] == [
        True,
        True,
        True,
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


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (LONG, "'n' is an integer of 5,000 digits: mend it"),
        (f"-{LONG}", "'n' is an integer of 5,000 digits: mend it"),
        ("9" * 400, "'n' is an integer of 1,329 bits, which has more than 64 bits"),
        ("1e400", "'n' is inf, a number that JSON does not have"),
    ],
    ids=["long", "below 0", "beyond a float", "an exponent"],
)
def test_a_number_beyond_any_is_one_bad_document_of_a_file_of_lines(tmp_path, number, said):
    text = line(n=number)
    first, second = made(put(tmp_path, "a.jsonl", f'{text}\n{{"id": "2", "text": "y"}}\n'))
    assert said in first.reason
    assert len(first.reason) < 200
    assert (first.id, first.raw) == ("1", text)
    assert again(first).reason == first.reason
    assert second.id == "2"
    assert one(tmp_path, text, drop_fields=("n",)).metadata == {}


@pytest.mark.parametrize("whole", ["[@, #]", '{"docs": [@, #]}', "@\n#"])
@pytest.mark.parametrize("number", [LONG, f"-{LONG}"])
def test_in_json_over_several_lines_it_ends_the_reading_and_not_the_process(
    tmp_path, whole, number
):
    document = '{"id": "1",\n "text": "x",\n "n": %s\n}'
    text = whole.replace("@", document % 1).replace("#", document % number)
    rows = iter(Rows(put(tmp_path, "a.json", text), Reading()))
    assert next(rows).value["n"] == 1
    with pytest.raises(SourceError, match="has an integer of 5,000 digits after document 1 and"):
        next(rows)


def test_digits_are_found_however_they_come_and_left_alone_in_texts():
    most = _LongIntegers().most
    cases = [
        (f"[{'1' * (most + 1)},", most + 1),
        (f"[{'1' * most},", 0),
        (f'["{"1" * 9000}", "a {"1" * 9000}b", 0.{"1" * 9000}, {"1" * 9000}.5]', 0),
        (f'{{"a": [1, 2], "n": -{"7" * 9000}\n}}', 9000),
        (f'"{"x" * 9000}" {"7" * 9000}', 9000),
    ]
    draw = random.Random(0)
    for text, digits in cases:
        for _ in range(20):
            data, seen, found = text.encode(), _LongIntegers(), None
            while data and not found:
                size = draw.choice((1, 7, 4096, 20_000))
                found, data = seen.see(data[:size]), data[size:]
            assert (found or seen.see(b"") or (0, 0))[0] == digits
