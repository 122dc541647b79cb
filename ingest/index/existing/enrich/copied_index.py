"""The new index of a copy: made like the old one, entered by one run, and given its aliases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from cluster.diagnosis.rights import require
from cluster.error_body import BLOCKS, lifting
from cluster.errors import ClusterError
from ingest.errors import IndexRefusedError, LostPlaceError
from ingest.index.aliases.written import writable
from ingest.index.describe import aliases, check_name, find_index, leases
from ingest.index.existing.enrich.prepare import Prepared
from ingest.index.loading import (
    OpenIndex,
    drop_leases,
    enter,
    is_live,
    lease_of,
)
from ingest.index.note import Note, busy, loaded_already, mark, meta_with, put_note, read_note
from ingest.index.open import check_record
from ingest.records import PassageEncoder
from mappings import settings_of, uuid_in
from mappings.existing import copied_body
from tandem.base.wire import path_of

if TYPE_CHECKING:
    from cluster import Cluster

_PIPELINE = "final_pipeline"
_WRITE = next(block for block in BLOCKS if block.setting == "index.blocks.write")


def open_copy(
    cluster: Cluster, ready: Prepared, name: str, encoder: PassageEncoder, token: str
) -> OpenIndex:
    """Make the new index, or take up one that was begun, and begin there; may be done twice.

    token: of the run. Raises IndexRefusedError where the name is taken by anything else, or another
    run is there.
    """
    check_name(name, new=True)
    created = not find_index(cluster, name) and _made(cluster, ready, name, token)
    found = find_index(cluster, name).get(name)
    note = read_note(name, found) if found else None
    if found is None or note is None or note.alias != ready.index:
        raise IndexRefusedError(
            f"{name!r} is there already and is no copy of {ready.index!r} that was broken off: "
            "name another one with `copy_to`."
        )
    if who := busy(note, but=token):
        raise loaded_already(ready.index, who, name)
    record = check_record(name, found, encoder)
    if (record.fields, record.template) != (ready.record.fields, ready.record.template):
        raise IndexRefusedError(
            f"the copy {name!r} was begun with the text in {record.fields.text!r} and vectors in "
            f"{record.fields.vector!r}: say the same again, or name another one with `copy_to`."
        )
    uuid = uuid_in(found)
    place = OpenIndex(name, uuid, record.fields, created, token, lease_of(name, token))
    return enter(cluster, place, alias=ready.index, relax=True)


def _made(cluster: Cluster, ready: Prepared, name: str, token: str) -> bool:
    """Make the index; False where it was made meanwhile, or by a request without an answer."""
    if "data_stream" in ready.description:
        raise IndexRefusedError(
            f"index {ready.index!r} belongs to a data stream, whose indexes cannot be replaced: "
            "leave out `copy_to`."
        )
    distribution = cluster.capabilities.distribution
    body = copied_body(ready.description, ready.record, distribution, ready.nested)
    note = Note(ready.index, loaders={token: mark()})
    body["mappings"]["_meta"] = meta_with(body["mappings"], note)
    body["aliases"] = {lease_of(name, token): {"is_hidden": True}}
    try:
        with cluster.explaining():
            cluster.client.indices.create(index=name, body=body)
    except ClusterError:
        if not find_index(cluster, name):
            raise
        return False
    return True


def end_half_ended(cluster: Cluster, index: str, name: str) -> bool:
    """Give free the writes that a killed run of a copy held; whether it had moved the aliases.

    index: that is to be copied, whose aliases lead to the copy by then; name: of the copy. What is
    no copy of that index is left alone. Raises AccessError, and IndexRefusedError where nothing
    tells that the block is that run's, before anything is changed.
    """
    found = find_index(cluster, name).get(name)
    note = read_note(name, found) if found else None
    if found is None or note is None or not note.whole or note.alias is None or busy(note):
        return False
    moved = is_live(found, note)
    asked = writable(cluster, index)
    meant = (note.alias, name) if moved else (note.alias,)
    # An alias of the index itself is that of a load, whose end is another.
    if asked is None or asked[0] not in meant or note.alias in aliases(found):
        return False
    old = find_index(cluster, note.alias).get(note.alias)
    for each in (note.alias, name) if old else (name,):
        require(cluster, "enrich-copy", each)
    held = old is not None and _is_held(old, note, name, moved=moved)
    # Whoever held them may wake up, and would move the aliases as if nothing was written since.
    drop_leases(cluster, name, found)
    if held:
        path = path_of(note.alias, "_settings")
        with cluster.explaining():
            cluster.client.transport.perform_request("PUT", path, body={_WRITE.setting: None})
    left = None if moved else replace(note, whole=False, held=None)
    put_note(cluster, name, found, left)
    return moved


def _is_held(old: Mapping[str, Any], note: Note, name: str, *, moved: bool) -> bool:
    """Whether a run of a copy had an index take no writes; IndexRefusedError where that is open."""
    # All aliases move in one step: an index that has some was not left by one.
    likely = not (moved and aliases(old))
    if note.held is not None and (likely or note.held != uuid_in(old)):
        return note.held == uuid_in(old)
    if _blocks(old).get("write") != "true":
        return False
    raise IndexRefusedError(
        f"index {note.alias!r} takes no writes ({_WRITE.setting}), and nothing tells whether its "
        f"owner wants that or a run that was killed while it made the copy {name!r} left it: "
        f"{lifting([_WRITE], str(note.alias))}, and run the same command again, or name another "
        "index with `copy_to`."
    )


def _blocks(description: Mapping[str, Any]) -> Mapping[str, Any]:
    return settings_of(description).get("blocks") or {}


class Holder(Enum):
    """For whom an index takes no writes while its aliases move: for the run that asks, or not."""

    THIS = "this run"
    ANOTHER = "the one that took its place"
    NOBODY = "nobody, or its owner"


@dataclass(frozen=True)
class CopiedIndex:
    """The end of a copy; each step may be done twice. old: the name of the index it is of."""

    cluster: Cluster
    old: str
    place: OpenIndex

    @staticmethod
    def must_hold(description: Mapping[str, Any]) -> bool:
        """Whether an index's aliases are to move, and it takes writes meanwhile."""
        blocks = _blocks(description)
        free = not any(blocks.get(kind) == "true" for kind in ("write", "read_only"))
        return free and bool(aliases(description))

    def put_final_pipeline(self) -> None:
        """Have documents go through the old index's final pipeline from now on."""
        settings = settings_of(self.cluster.get_index(self.old)[self.old])
        if name := settings.get(_PIPELINE):
            with self.cluster.explaining():
                self.cluster.client.indices.put_settings(
                    index=self.place.name, body={"index": {_PIPELINE: name}}
                )

    def take_aliases(self) -> tuple[str, ...]:
        """Move the old index's aliases to the new one, filters and all, in one step; their names.

        Raises LostPlaceError where another run took over.
        """
        new, lease = self.place.name, self.place.lease
        now = self.cluster.get_index(new)[new]
        if lease not in leases(now):
            if leases(now) or not aliases(now):
                raise LostPlaceError(new)
            return tuple(sorted(aliases(now)))  # only the answer was lost
        old = self.cluster.get_index(self.old)[self.old]
        actions: list[dict[str, Any]] = []
        for name in aliases(old):
            actions.append({"remove": {"index": self.old, "alias": name}})
            actions.append({"add": {"index": new, "alias": name, **old["aliases"][name]}})
        actions.append({"remove": {"index": new, "alias": lease, "must_exist": True}})
        with self.cluster.explaining():
            self.cluster.client.indices.update_aliases(body={"actions": actions})
        return tuple(sorted(aliases(old)))

    def holder(self) -> Holder:
        """For whom the old index takes no writes, as the copy's note and lease tell."""
        found, note = self._now()
        if found is None or self.place.lease in leases(found):
            return Holder.THIS
        if note is None or note.held is None:
            return Holder.NOBODY
        # The lease ends as the aliases move.
        return Holder.THIS if self.place.token in note.loaders else Holder.ANOTHER

    def _now(self) -> tuple[dict[str, Any] | None, Note | None]:
        name = self.place.name
        found = find_index(self.cluster, name).get(name)
        return found, read_note(name, found) if found else None

    def note_free_writes(self) -> None:
        """Note that the old index takes writes: whoever blocks it from now on is its owner."""
        name, (found, note) = self.place.name, self._now()
        if found and note and note.held:
            whole = is_live(found, note)
            put_note(self.cluster, name, found, replace(note, whole=whole, held=None))

    def forget_note(self) -> None:
        """The copy is whole, and an index like others."""
        new = self.place.name
        put_note(self.cluster, new, self.cluster.get_index(new)[new], None)
