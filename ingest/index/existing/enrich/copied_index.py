"""The new index of a copy: made like the old one, entered by one run, and given its aliases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cluster.errors import ClusterError
from ingest.errors import IndexRefusedError, LostPlaceError
from ingest.index.describe import aliases, check_name, find_index, leases
from ingest.index.existing.enrich.prepare import Prepared
from ingest.index.loading import OpenIndex, enter, is_live, lease_of, loaded_already
from ingest.index.note import Note, busy, mark, meta_with, put_note, read_note
from ingest.index.open import check_record
from ingest.records import PassageEncoder
from mappings import path_of, settings_of, uuid_in
from mappings.existing import copied_body

if TYPE_CHECKING:
    from cluster import Cluster

_PIPELINE = "final_pipeline"


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


def end_half_ended(cluster: Cluster, name: str) -> bool:
    """Give free the writes that a killed run held; whether it had moved the aliases by then."""
    found = find_index(cluster, name).get(name)
    note = read_note(name, found) if found else None
    if found is None or note is None or not note.whole or note.alias is None or busy(note):
        return False
    if find_index(cluster, note.alias):
        path = path_of(note.alias, "_settings")
        with cluster.explaining():
            cluster.client.transport.perform_request("PUT", path, body={"index.blocks.write": None})
    moved = is_live(found, note)
    put_note(cluster, name, found, None if moved else replace(note, whole=False))
    return moved


@dataclass(frozen=True)
class CopiedIndex:
    """The end of a copy; each step may be done twice. old: the name of the index it is of."""

    cluster: Cluster
    old: str
    place: OpenIndex

    @staticmethod
    def must_hold(description: Mapping[str, Any]) -> bool:
        """Whether an index's aliases are to move, and it takes writes meanwhile."""
        blocks = settings_of(description).get("blocks") or {}
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
            if leases(now):
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

    def forget_note(self) -> None:
        """The copy is whole, and an index like others."""
        new = self.place.name
        put_note(self.cluster, new, self.cluster.get_index(new)[new], None)
