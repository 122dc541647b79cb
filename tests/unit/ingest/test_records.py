"""Stamps, by which a passage is known to be the same."""

from ingest.records import parse_stamp, stamp


def test_stamps_tell_what_changed():
    base = parse_stamp(stamp("f", "text", {"a": 1, "b": 2}, 1))
    assert parse_stamp(stamp("f", "text", {"b": 2, "a": 1}, 1)) == base
    assert parse_stamp(stamp("f", "text", {"a": 2}, 1)).encoded == base.encoded
    assert parse_stamp(stamp("f", "text", {"a": 2}, 1)).rest != base.rest
    assert parse_stamp(stamp("g", "text", {"a": 1}, 1)).encoded != base.encoded
    assert parse_stamp(stamp("f", "Text", {"a": 1}, 1)).encoded != base.encoded
    assert stamp("f", "text", {"a": 1}, 2) != stamp("f", "text", {"a": 1}, 1)
    assert [parse_stamp(bad) for bad in (None, "", "abc", "a:b:c")] == [None] * 4
