"""What an index's `_meta` says is read by a schema: anybody who may write the mapping writes it."""

from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import IndexRefusedError
from ingest.index.describe import aliases, leases
from ingest.index.loading import lease_of, new_token
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


@pytest.mark.parametrize(
    "settings",
    [
        {"refresh_interval": "30s", "number_of_replicas": "1", "auto_expand_replicas": "0-all"},
        {"refresh_interval": "-1", "number_of_replicas": "0", "auto_expand_replicas": "false"},
        {"refresh_interval": " 500MS ", "number_of_replicas": None, "auto_expand_replicas": "1-5"},
    ],
)
def test_whatever_an_owner_may_have_set_comes_back_as_it_was_written(settings):
    assert read_note("books", described(asdict(Note(settings=settings)))).settings == settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("number_of_replicas", each) for each in ("-1", "many", "1.5", "")),
        *(("refresh_interval", each) for each in ("10y", "s", "1s1s", "-2s")),
        *(("auto_expand_replicas", each) for each in ("yes", "0-", "all-1")),
    ],
)
def test_a_setting_that_no_cluster_takes_is_told_before_a_load(name, value):
    with pytest.raises(IndexRefusedError, match=f"{name} is '{value}'.*: set refresh_interval"):
        read_note("books", described(asdict(Note(settings={name: value}))))


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


@pytest.mark.parametrize(
    ("ahead", "said"),
    [
        (-3600, None),
        (-60, "last heard of 6"),
        (60, "whose clock is "),
        (3600, None),
        (86_400, None),
        (2**53, None),
    ],
)
def test_a_loader_of_another_machine_is_not_waited_for_till_our_clock_is_as_late(ahead, said):
    at = min(mark().at + ahead, 2**53)
    heard = busy(Note(loaders={"t": replace(mark(), host="elsewhere", at=at)}))
    assert heard is None if said is None else said in heard


@pytest.mark.parametrize(
    ("entry", "whose"),
    [({"is_hidden": True}, leases), ({}, aliases), ({"is_hidden": False}, aliases)],
)
def test_only_a_hidden_alias_of_such_a_name_is_a_lease(entry, whose):
    name = lease_of("books-1", new_token())
    found = {"aliases": {name: entry}}
    assert whose(found) == [name]
    assert leases(found) + aliases(found) == [name]
