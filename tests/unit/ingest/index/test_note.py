"""What an index's `_meta` says is read by a schema: anybody who may write the mapping writes it."""

from contextlib import nullcontext, suppress
from copy import deepcopy
from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import IndexRefusedError
from ingest.index.describe import aliases, leases
from ingest.index.existing.enrich.copied_index import end_half_ended
from ingest.index.existing.enrich.copy import Copy
from ingest.index.loading import OpenIndex, lease_of, new_token
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


class Indexes:
    """A cluster that holds descriptions of indexes; sent: what changed them, in order."""

    has_credentials = False

    def __init__(self, **found):
        self.found, self.sent = found, []
        self.client = SimpleNamespace(transport=self, indices=self)

    def explaining(self):
        return nullcontext()

    def get_index(self, name, missing_ok=False):
        return {n: e for n, e in self.found.items() if n == name or name in e["aliases"]}

    def put_mapping(self, index, body):
        self.found[index]["mappings"] |= body
        self.sent.append(("note", index))

    def perform_request(self, method, path, body=None):
        name, kind = path.strip("/").split("/", 1)
        block = "true" if kind == "_block/write" else body["index.blocks.write"]
        self.found[name]["settings"]["index"]["blocks"] = {"write": block}
        self.sent.append((kind, name))

    def note(self, name):
        return read_note(name, self.found[name])

    def blocked(self, name):
        return self.found[name]["settings"]["index"]["blocks"].get("write") == "true"


def index(name, *aliases, note=None, block=None):
    meta = {"tandem": {}, **({LOADING: asdict(note)} if note else {})}
    return {
        "mappings": {"_meta": meta},
        "aliases": {each: {"is_hidden": "-loading-" in each} for each in aliases},
        "settings": {"index": {"uuid": f"uuid of {name}", "blocks": {"write": block}}},
    }


LEASE = lease_of("copy", "0" * 16)


def left_by(held, *, moved=False, alias="books", owner="all"):
    """A cluster after a run that copied books was killed at its end, and somebody's own index."""
    note = Note(alias, whole=True, held=held)
    return Indexes(
        books=index("books", *(() if moved else (owner,)), block="true"),
        copy=index("copy", owner if moved else LEASE, note=note),
        payroll=index("payroll", "wages", block="true"),
    )


@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize("asked", ["books", "all"])
def test_a_block_is_lifted_by_whoever_goes_on_with_the_run_that_set_it(moved, asked):
    cluster = left_by("uuid of books", moved=moved)
    assert end_half_ended(cluster, asked, "copy") == moved
    assert not cluster.blocked("books")
    left = cluster.note("copy")
    assert left is None if moved else (left.whole, left.held) == (False, None)


@pytest.mark.parametrize("moved", [False, True])
def test_a_block_of_which_nothing_tells_whose_it_is_stays_and_what_lifts_it_is_said(moved):
    """As the run of an earlier release left it, or the owner."""
    cluster = left_by(None, moved=moved)
    before = cluster.note("copy")
    lifts = 'PUT /books/_settings {"index.blocks.write": null}'
    with pytest.raises(IndexRefusedError, match="'books' takes no writes") as caught:
        end_half_ended(cluster, "all", "copy")
    assert lifts in str(caught.value)
    assert (cluster.sent, cluster.note("copy")) == ([], before)
    cluster.perform_request("PUT", "/books/_settings", {"index.blocks.write": None})
    assert end_half_ended(cluster, "all", "copy") == moved


def test_the_block_of_an_index_that_is_no_part_of_the_copy_stays():
    """Whatever the copy's note says, or it is a load's."""
    for held in ("uuid of payroll", "uuid of books", None):
        for alias in ("payroll", "wages", "all", "*", "nosuch"):
            for asked in ("books", "all", "nosuch"):
                cluster = left_by(held, alias=alias)
                assert not end_half_ended(cluster, asked, "copy")
                assert cluster.sent == []


def test_the_note_of_an_aliass_load_stays_with_what_it_is_to_put_back():
    cluster = left_by(None, moved=True, alias="all")
    assert not end_half_ended(cluster, "all", "copy")
    assert cluster.sent == []


def test_the_block_of_an_index_that_kept_its_aliases_stays_after_the_move():
    cluster = left_by("uuid of payroll", moved=True, alias="payroll")
    with pytest.raises(IndexRefusedError, match="'payroll' takes no writes"):
        end_half_ended(cluster, "all", "copy")
    assert cluster.sent == []


def test_a_later_index_of_the_same_name_keeps_its_block():
    cluster = left_by("uuid of a former one")
    assert not end_half_ended(cluster, "books", "copy")
    assert cluster.blocked("books")
    assert (cluster.note("copy").whole, cluster.note("copy").held) == (False, None)


@pytest.mark.parametrize("killed", [False, True])
def test_a_copy_notes_whose_writes_it_holds_before_it_holds_them_and_forgets_it_after(killed):
    lease = lease_of("copy", "0" * 16)
    cluster = Indexes(books=index("books", "all"), copy=index("copy", lease, note=Note("books")))
    place = OpenIndex("copy", "uuid of copy", None, True, "0" * 16, lease, settings={})
    client = SimpleNamespace(
        persist=lambda request: request(),
        ask=lambda method, path, body=None: cluster.perform_request(method, path, body),
    )
    copy = SimpleNamespace(
        cluster=cluster, ready=SimpleNamespace(index="books"), place=place,
        writer=client, client=client, counts=SimpleNamespace(held=0.0),
    )  # fmt: skip
    with suppress(RuntimeError), Copy._held(copy):
        assert cluster.sent == [("note", "copy"), ("_block/write", "books")]
        assert cluster.note("copy").held == "uuid of books"
        if killed:  # and nothing more is sent
            taken_up = Indexes(**deepcopy(cluster.found))
        raise RuntimeError("an end without a move")
    if killed:
        assert not end_half_ended(taken_up, "all", "copy")
        assert not taken_up.blocked("books")
        return
    assert not cluster.blocked("books")
    assert (cluster.note("copy").whole, cluster.note("copy").held) == (False, None)
    # Its owner's own, from now on.
    cluster.perform_request("PUT", "/books/_block/write")
    assert not end_half_ended(cluster, "all", "copy")
    assert cluster.blocked("books")
