"""The indexes that an alias's loads have filled: which are Tandem's own, and the end of the old."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ingest.index.describe import aliases, find_index
from ingest.index.note import busy, read_note
from mappings import Generation, IndexRecord, MappingError, read_record, settings_of, uuid_in

if TYPE_CHECKING:
    from cluster import Cluster

Descriptions = Mapping[str, dict[str, Any]]
_NAMED = 3


@dataclass(frozen=True)
class Older:
    """What becomes of an alias's older indexes.

    gone: to be deleted, or deleted, by name; notes: a sentence for those that stay against hope.
    """

    gone: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def generations(cluster: Cluster, alias: str) -> dict[str, dict[str, Any]]:
    """All indexes that are called as those of an alias's loads are, whoever made them, by name."""
    pattern = re.compile(re.escape(alias) + r"-\d{14}")
    found = cluster.get_index(f"{alias}-*", ignore_unavailable=True)
    return {name: each for name, each in found.items() if pattern.fullmatch(name)}


def record_of(name: str, description: Mapping[str, Any]) -> IndexRecord | None:
    """The index's record; None where there is none that can be read."""
    try:
        return read_record(description["mappings"], name)
    except MappingError:
        return None


def marked(found: Descriptions, alias: str) -> set[str]:
    """Which of the `generations` were filled for the alias."""
    records = {name: record_of(name, each) for name, each in found.items()}
    return {
        n for n, record in records.items() if record and record.generation == Generation(alias, n)
    }


def older(
    found: Descriptions, alias: str, *, live: Collection[str], before: int | None, keep: int | None
) -> Older:
    """Which of the `generations` go once the alias points to an index that is newer than they.

    live: where the alias points now, whose loads were whole; before: the milliseconds at which the
    newer one was created, None where it is yet to be. Of those that were filled for this alias and
    are behind none, the newest `keep` stay, and those whose load was given up do not; None: all do.
    """
    if keep is None:
        return Older()
    latest = math.inf if before is None else before
    # Of one whose time is not told nobody knows that it is older.
    old = [name for name, each in found.items() if 0 < created(each) < latest]
    old.sort(key=lambda name: created(found[name]))
    ours = [name for name in old if _obstacle(name, found[name], alias, going=alias) is None]
    given_up = [name for name in ours if _given_up(name, found[name]) and name not in live]
    whole = [name for name in ours if name not in given_up]
    gone = (*given_up, *whole[: max(0, len(whole) - keep)])
    return Older(gone, tuple(_notes(found, old, alias)))


def _given_up(name: str, description: Mapping[str, Any]) -> bool:
    """Whether its load ended before all was there."""
    note = read_note(name, description)
    return note is not None and not note.whole


def delete(
    cluster: Cluster, alias: str, found: Descriptions, planned: Older, *, live: str
) -> Older:
    """Delete what is still as it was, each looked at again just before; raises ClusterError.

    live: where the alias was pointed to a moment ago. Nothing goes where somebody else, who had it
    point elsewhere at the same moment, may count on what is older.
    """
    gone: list[str] = []
    notes = [*planned.notes]
    if others := sorted(find_index(cluster, alias).keys() - {live}):
        notes.append(
            f"the alias {alias!r} points to {', '.join(others)} too, for somebody else had it "
            "point there at this moment, so no older index was deleted: take it from there, with "
            "POST /_aliases."
        )
        return Older(notes=tuple(notes))
    for name in planned.gone:
        now = find_index(cluster, name).get(name)
        if now is None:
            continue
        if why := _changed(found[name], now) or _obstacle(name, now, alias):
            notes.append(f"{name} was kept, because {why}.")
            continue
        with cluster.explaining():
            cluster.client.indices.delete(index=name)
        gone.append(name)
    return Older(tuple(gone), tuple(notes))


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    same = uuid_in(before) == uuid_in(now)
    return None if same else "it was made anew meanwhile"


def created(description: Mapping[str, Any]) -> int:
    """When an index was created, in milliseconds."""
    return int(settings_of(description).get("creation_date", 0))


def _obstacle(
    name: str, description: Mapping[str, Any], alias: str, going: str | None = None
) -> str | None:
    """Why an index is not deleted for an alias, or None.

    going: the alias that will not point there any more.
    """
    record = record_of(name, description)
    if record is None or record.generation != Generation(alias, name):
        return f"it has no mark of the alias {alias!r}"
    if others := sorted(set(aliases(description)) - {going}):
        return f"the alias {others[0]!r} points there"
    if who := busy(read_note(name, description)):
        return f"it is being loaded into ({who})"
    return None


def _notes(found: Descriptions, old: list[str], alias: str) -> Iterable[str]:
    """Of older versions' indexes, which carry no mark; a stranger's is no concern of ours."""
    records = {name: record_of(name, found[name]) for name in old}
    unmarked = [
        name
        for name, record in records.items()
        if record
        and record.generation is None
        and not record.adopted
        and not set(aliases(found[name])) - {alias}
    ]
    if unmarked:
        more = f" and {len(unmarked) - _NAMED} more" if len(unmarked) > _NAMED else ""
        yield (
            f"older indexes without the mark of an alias stay, as older versions of Tandem made "
            f"them ({', '.join(unmarked[:_NAMED])}{more}): `delete_index(cluster, "
            f"{unmarked[0]!r})` deletes one."
        )
