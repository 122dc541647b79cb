"""A run's place in an index while it loads into it: settings relaxed, and who may write.

Many runs may load into one index. The last of them to leave restores the settings. The index that
an alias's load fills has one loader, which writes through an alias that only it has, its lease.
Whoever takes the place of a loader that was silent too long takes that alias away in the same step
as it gets one of its own, so the cluster itself refuses whatever the former one still sends. What
remains is a request that the cluster was carrying out at that moment. A note has no such guard: of
two runs that change it within milliseconds one may be lost, which the next heartbeat mends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from cluster.errors import ClusterError
from ingest.errors import LostPlaceError
from ingest.index.describe import aliases, find_index, leases
from ingest.index.note import (
    NO_REFRESH,
    RELAXED,
    RUNNING,
    Note,
    busy,
    loaded_already,
    mark,
    put_back,
    put_note,
    put_settings,
    read_note,
)
from mappings import Fields, settings_of, uuid_in

if TYPE_CHECKING:
    from cluster import Cluster

# Bytes of an index's name that a lease's name begins with; names have 255 at most.
_LEASE_ROOM = 200

Description = Mapping[str, Any]


def new_token() -> str:
    """The name of a run among others."""
    return token_hex(8)


def lease_of(index: str, token: str) -> str:
    """The alias through which alone a run writes; in reach of who may write under its name."""
    return f"{index.encode()[:_LEASE_ROOM].decode(errors='ignore')}-loading-{token}"


@dataclass(frozen=True)
class OpenIndex:
    """An index that is ready to take passages.

    name: the concrete index, never an alias; uuid: of this index and no later one of that name;
    created: by this run; token: of this run; lease: what it writes through, None where others may
    write too; element: of its vectors, float or byte; settings: to be restored, None where the run
    has no part in the note; template: what its record says is encoded; pipelines: of the cluster,
    through which documents go; bypass: its default one is Tandem's own, and would encode again.
    """

    name: str
    uuid: str
    fields: Fields
    created: bool
    token: str = field(default_factory=new_token)
    lease: str | None = None
    element: str = "float"
    settings: Mapping[str, str | None] | None = None
    warnings: tuple[str, ...] = ()
    template: str | None = None
    pipelines: tuple[str, ...] = ()
    bypass: bool = False


def enter(
    cluster: Cluster,
    index: OpenIndex,
    *,
    alias: str | None,
    relax: bool,
    keep_replicas: bool = False,
) -> OpenIndex:
    """Take a place in an index, and relax its settings if that is asked; may be done twice.

    alias: what is to point here at the end; keep_replicas: refreshes alone are relaxed. An index
    that nobody loads into, and that is not to be relaxed, gets no note. Raises IndexRefusedError
    where another fills it for the alias, and ClusterError; `leave` takes back what was done.
    """
    description = cluster.get_index(index.name)[index.name]
    note = read_note(index.name, description)
    if note is None and not relax:
        return index
    if alias and (who := busy(note, but=index.token)):
        raise loaded_already(alias, who, index.name)
    note = note or Note()
    relaxed = NO_REFRESH if keep_replicas else RELAXED
    settings = {**note.settings, **_journal(description, note, relaxed)} if relax else note.settings
    note = replace(
        note,
        alias=alias or note.alias,
        whole=note.whole and not relax,
        settings=settings,
        loaders={**note.others(index.token), index.token: mark()},
    )
    # The note comes first: settings that nobody knows to restore would stay.
    put_note(cluster, index.name, description, note)
    if alias:
        take_lease(cluster, index.name, description, index.token, alias)
    if relax:
        put_settings(cluster, index.name, description, relaxed)
        if alias:
            _check_place(cluster, index, settings)
    return replace(index, settings=settings)


def _check_place(cluster: Cluster, index: OpenIndex, settings: Mapping[str, str | None]) -> None:
    """Put the settings back where the lease was lost before they were relaxed: LostPlaceError.

    A run that slept between the two relaxes what the one that took its place may have restored.
    """
    now = cluster.get_index(index.name)[index.name]
    if lease_of(index.name, index.token) not in leases(now):
        put_back(cluster, index.name, now, Note(settings=settings))
        raise LostPlaceError(index.name)


def _journal(
    description: Description, note: Note, relaxed: Mapping[str, str]
) -> dict[str, str | None]:
    """The owner's values: those that are set, or stand in the note of what is relaxed already."""
    now = settings_of(description)
    return {
        name: note.settings[name]
        if name in note.settings and now.get(name) == value
        else now.get(name)
        for name, value in relaxed.items()
    }


def take_lease(
    cluster: Cluster, index: str, description: Description, token: str, alias: str
) -> None:
    """Replace the lease of whoever was here before: of two that try, the cluster lets one.

    May be done twice. Raises IndexRefusedError where another was faster, and ClusterError.
    """
    lease = lease_of(index, token)
    if lease in leases(description):
        return
    former = [
        {"remove": {"index": index, "alias": name, "must_exist": True}}
        for name in leases(description)
    ]
    added = {"add": {"index": index, "alias": lease, "is_hidden": True}}
    try:
        with cluster.explaining():
            cluster.client.indices.update_aliases(body={"actions": [*former, added]})
    except ClusterError as error:
        now = cluster.get_index(index)[index]
        if leases(now) == leases(description):
            raise
        if lease not in leases(now):
            who = busy(read_note(index, now), but=token) or "by a run of this moment"
            raise loaded_already(alias, who, index) from error


def renew(cluster: Cluster, index: OpenIndex, *, missing_only: bool) -> None:
    """Note that this run goes on; missing_only: unless the note has it already.

    Raises LostPlaceError and ClusterError.
    """
    if (description := own(cluster, index)) is None:
        return
    note = read_note(index.name, description)
    if note and index.token in note.loaders and missing_only:
        return
    if note is None:
        name = "refresh_interval"
        if settings_of(description).get(name) != RELAXED[name]:
            return  # another run ended the load
        note = Note(settings=index.settings or {})
    loaders = {**note.loaders, index.token: mark()}
    # The one that was here before may have woken up just then, and noted that it had all loaded.
    whole = note.whole and (index.lease is None or note.held is not None)
    put_note(cluster, index.name, description, replace(note, whole=whole, loaders=loaders))


def restore(cluster: Cluster, index: OpenIndex) -> None:
    """Put back the settings that are still relaxed, unless others go on; may be done twice.

    What an owner set meanwhile stays. Raises LostPlaceError and ClusterError.
    """
    if (description := own(cluster, index)) is None:
        return
    note = read_note(index.name, description)
    if index.lease or not (note and note.others(index.token)):
        put_back(cluster, index.name, description, note or Note(settings=index.settings or {}))


def own(cluster: Cluster, index: OpenIndex) -> dict[str, Any] | None:
    """GET /INDEX; None where the run has no place in it, and LostPlaceError where it lost it."""
    if index.settings is None:
        return None
    description = cluster.get_index(index.name)[index.name]
    if index.lease and index.lease not in leases(description):
        raise LostPlaceError(index.name)
    return description


def mark_whole(cluster: Cluster, index: OpenIndex, held: str | None = None) -> None:
    """Note that all is loaded and checked, and `held`: LostPlaceError and ClusterError."""
    if (description := own(cluster, index)) is not None:
        note = read_note(index.name, description) or Note(loaders={index.token: mark()})
        put_note(cluster, index.name, description, replace(note, whole=True, held=held))


def is_live(description: Description, note: Note) -> bool:
    """Whether an alias came to an index at the end of its load, or by its owner's hand.

    Those that an index template gives are there from the start, as the lease of who fills it is.
    """
    names = aliases(description)
    return bool(names) and (note.alias is None or note.alias in names or not leases(description))


def leave(cluster: Cluster, index: OpenIndex, *, doubtful: bool = False) -> None:
    """Restore the settings, and forget the note unless others need it; may be done twice.

    An alias's new index keeps it until the switch. doubtful: a request without an answer may yet
    relax them, so they are put back anyhow, and the note stays. Raises ClusterError.
    """
    RUNNING.discard(index.token)
    description = find_index(cluster, index.name).get(index.name)
    if description is None or uuid_in(description) != index.uuid:
        return
    if (note := read_note(index.name, description)) is None:
        put_back(cluster, index.name, description, Note(settings=index.settings or {}))
        return
    live = is_live(description, note)
    lost = index.lease is not None and index.lease not in leases(description)
    if index.token not in note.loaders and (lost or not index.settings):
        return
    others = note.others(index.token)
    left: Note | None = replace(note, loaders=others)
    if lost:  # at the switch, or to another run
        left = None if note.whole and live else left
    elif index.lease or not others:
        put_back(cluster, index.name, description, note, doubtful=doubtful)
        kept = replace(note, loaders=others, settings=note.settings if doubtful else {})
        left = kept if kept.settings or (note.alias and not live) else None
    put_note(cluster, index.name, description, left)


def end_half_ended(cluster: Cluster, name: str) -> None:
    """Finish the loads of live indexes whose end was cut off; may be done twice.

    name: of an index, or of an alias. What is live is no index that is to be loaded on: its
    settings are restored and its note goes. Raises ClusterError.
    """
    for index, description in find_index(cluster, name).items():
        note = read_note(index, description)
        if note is None or not is_live(description, note) or busy(note):
            continue
        put_back(cluster, index, description, note)
        drop_leases(cluster, index, description)
        put_note(cluster, index, description, None)


def drop_leases(cluster: Cluster, index: str, description: Description) -> None:
    """Take away the places of runs that are over; ClusterError."""
    stale = [{"remove": {"index": index, "alias": each}} for each in leases(description)]
    if stale:
        with cluster.explaining():
            cluster.client.indices.update_aliases(body={"actions": stale})
