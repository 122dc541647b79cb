"""What an index's `_meta` says is read by a schema: anybody who may write the mapping writes it."""

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import IndexRefusedError
from ingest.index.note import Loader, Note, busy, mark, read_note
from mappings import LOADING, IndexRecord, MappingError, read_record

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NOTE = asdict(Note("books", settings={"refresh_interval": None}, loaders={"t": mark()}))
RECORD = {
    "format": 1,
    "encoder": {"model": "a/b", "fingerprint": "57ab", "dimension": 8, "settings": {}},
    "fields": {"text": "text", "vector": "vector"},
    "generation": {"alias": "books", "index": "books-1"},
}


def described(note):
    return {"mappings": {"_meta": {"tandem": {}, LOADING: note}}}


def places(value, path=()):
    """The path of every value in a value."""
    yield path
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from places(inner, (*path, name))


def changed(value, path, new):
    """A value with another one at a path."""
    return {**value, path[0]: changed(value[path[0]], path[1:], new)} if path else new


def test_a_note_is_read_as_it_was_written():
    assert asdict(read_note("books", described(NOTE))) == NOTE


@given(st.sampled_from(list(places(NOTE))), JSON)
def test_any_note_is_one_or_one_sentence(path, new):
    found = changed(NOTE, path, new)
    try:
        note = read_note("books", described(found))
    except IndexRefusedError:
        return
    busy(note)
    assert note is None or all(isinstance(each, Loader) for each in note.loaders.values())


@given(st.sampled_from(list(places(RECORD))), JSON)
def test_any_record_is_one_or_one_sentence(path, new):
    try:
        record = read_record({"_meta": {"tandem": changed(RECORD, path, new)}}, "books")
    except MappingError:
        return
    assert record is None or isinstance(record, IndexRecord)


@pytest.mark.parametrize("pid", [0, -1, 2**40, "1", True, 1.5])
def test_a_process_that_can_be_none_is_refused(pid):
    with pytest.raises(IndexRefusedError, match="pid"):
        read_note("books", described(changed(NOTE, ("loaders", "t", "pid"), pid)))
