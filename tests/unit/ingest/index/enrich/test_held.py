"""Who has an index take no writes while its aliases move to a copy, and who gives them free."""

from contextlib import nullcontext, suppress
from copy import deepcopy
from dataclasses import asdict
from types import SimpleNamespace

import pytest

from ingest.errors import IndexRefusedError, LostPlaceError
from ingest.index.existing.enrich.copied_index import CopiedIndex, end_half_ended
from ingest.index.existing.enrich.copy import Copy
from ingest.index.loading import OpenIndex, lease_of, renew
from ingest.index.note import Note, mark, read_note
from mappings import LOADING


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

    def update_aliases(self, body):
        for action in body["actions"]:
            ((kind, said),) = action.items()
            held = self.found[said["index"]]["aliases"]
            held.update({said["alias"]: {}}) if kind == "add" else held.pop(said["alias"])
        self.sent.append(("aliases", said["index"]))

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


def begun(token="0" * 16, held=None, owner="all"):
    """A cluster in which the run of a token copies books."""
    note = Note("books", whole=bool(held), loaders={token: mark()}, held=held)
    copy = index("copy", lease_of("copy", token), note=note)
    return Indexes(books=index("books", owner, block="true" if held else None), copy=copy)


def copying(cluster, answered=lambda method, path: None):
    """Copy.run's parts, of the run that began; answered: called before a block is answered."""

    def ask(method, path, body=None):
        answered(method, path)
        cluster.perform_request(method, path, body)

    place = OpenIndex("copy", "uuid of copy", None, True, "0" * 16, LEASE, settings={})
    client = SimpleNamespace(persist=lambda request: request(), ask=ask)
    return SimpleNamespace(
        cluster=cluster, ready=SimpleNamespace(index="books"), place=place,
        writer=client, client=client, counts=SimpleNamespace(held=0.0),
    )  # fmt: skip


@pytest.mark.parametrize("killed", [False, True])
def test_a_copy_notes_whose_writes_it_holds_before_it_holds_them_and_forgets_it_after(killed):
    cluster = begun()
    with suppress(RuntimeError), Copy._held(copying(cluster)):
        assert cluster.sent == [("note", "copy"), ("_block/write", "books")]
        assert cluster.note("copy").held == "uuid of books"
        if killed:  # and nothing more is sent
            taken_up = Indexes(**deepcopy(cluster.found))
            for each in taken_up.found.values():  # long ago
                for loader in (
                    each["mappings"]["_meta"].get(LOADING, {}).get("loaders", {}).values()
                ):
                    loader["at"] = 1
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


def test_a_run_that_lost_its_place_leaves_its_successors_block_and_note():
    cluster = begun()
    with suppress(LostPlaceError), Copy._held(copying(cluster)):
        cluster.found = begun("1" * 16, held="uuid of books").found
        raise LostPlaceError("copy")
    assert cluster.blocked("books")
    assert (cluster.note("copy").whole, cluster.note("copy").held) == (True, "uuid of books")


def test_a_run_that_lost_its_place_leaves_what_an_owner_blocked_after_its_successor():
    cluster = begun()
    with suppress(LostPlaceError), Copy._held(copying(cluster)):
        cluster.found = {"books": index("books", block="true"), "copy": index("copy", "all")}
        raise LostPlaceError("copy")
    assert cluster.blocked("books")


@pytest.mark.parametrize("held", [None, "uuid of books"])
def test_a_run_that_lost_its_place_before_it_blocked_takes_back_its_own_alone(held):
    cluster = begun()

    def slept(method, path):
        if path.endswith("_block/write"):
            cluster.found = begun("1" * 16, held).found

    inside = []
    with pytest.raises(LostPlaceError), Copy._held(copying(cluster, slept)):
        inside.append(cluster)
    assert inside == []
    assert cluster.blocked("books") == bool(held)
    assert cluster.note("copy").held == held


def test_a_run_whose_block_another_lifted_does_not_move_the_aliases_when_it_wakes_up():
    cluster = begun(held="uuid of books")
    place = copying(cluster).place
    cluster.found["copy"]["mappings"]["_meta"][LOADING]["loaders"]["0" * 16]["at"] = 1
    assert not end_half_ended(cluster, "books", "copy")
    assert not cluster.blocked("books")
    with pytest.raises(LostPlaceError):
        CopiedIndex(cluster, "books", place).take_aliases()
    assert list(cluster.found["books"]["aliases"]) == ["all"]


def test_a_note_that_a_loader_which_woke_up_put_in_the_last_moment_does_not_stay_whole():
    cluster = begun()
    cluster.found["copy"]["mappings"]["_meta"][LOADING]["whole"] = True
    renew(cluster, copying(cluster).place, missing_only=False)
    assert not cluster.note("copy").whole
