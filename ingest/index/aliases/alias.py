"""A new model with no downtime: fill a new index, then point the alias at it in one step."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cluster.diagnosis.rights import require
from cluster.errors import AccessError, ClusterError, UnreachableError
from ingest.errors import IncompleteError, IndexRefusedError, LostPlaceError
from ingest.index.aliases.generations import (
    Older,
    created,
    delete,
    generations,
    marked,
    older,
    record_of,
)
from ingest.index.describe import aliases, check_name, find_index, kind_of, leases, told_incomplete
from ingest.index.loading import OpenIndex, is_live, take_lease
from ingest.index.note import busy, loaded_already, read_note
from ingest.settings import RejectLimit
from ingest.tally import Report
from mappings import LONGEST_NAME, Shape, laid_out
from tandem.base.arguments import checked_arguments

if TYPE_CHECKING:
    from cluster import Cluster

_STAMP = "%Y%m%d%H%M%S"
# What an alias is, beside where it points: as GET /_alias tells it and POST /_aliases takes it.
_FILTER_AND_ROUTING = ("filter", "index_routing", "search_routing", "is_hidden")
_WRITE = "is_write_index"


@dataclass(frozen=True)
class Alias:
    """Where an alias points now: its indexes, each with what GET /INDEX says of it."""

    name: str
    indexes: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def strangers(self) -> list[str]:
        """Those of its indexes that Tandem did not make."""
        records = {name: record_of(name, each) for name, each in self.indexes.items()}
        return sorted(name for name, each in records.items() if each is None or each.adopted)

    def check(self, *, take: bool) -> None:
        """Raise IndexRefusedError where it cannot be switched without harm.

        take: it may be taken from indexes that Tandem did not make.
        """
        if (strangers := self.strangers) and not take:
            raise IndexRefusedError(
                f"the alias {self.name!r} points to {', '.join(strangers)}, which Tandem did not "
                "make and which it would no longer find: choose another alias, or allow that with "
                "`take_alias=True`."
            )
        self.traits()

    def traits(self) -> dict[str, Any]:
        """What the alias is beside where it points, which a switch keeps.

        Raises IndexRefusedError where its indexes do not agree about that.
        """
        entries = [each["aliases"][self.name] for each in self.indexes.values()]
        kinds = [{k: each[k] for k in _FILTER_AND_ROUTING if k in each} for each in entries]
        if any(kind != kinds[0] for kind in kinds):
            raise IndexRefusedError(
                f"the alias {self.name!r} has another filter or routing for each of its indexes "
                f"({', '.join(sorted(self.indexes))}), and one index can have only one: make them "
                "the same first, with POST /_aliases."
            )
        kept = dict(kinds[0]) if kinds else {}
        writing = [each[_WRITE] for each in entries if _WRITE in each]
        return kept | {_WRITE: any(writing)} if writing else kept


def read_alias(cluster: Cluster, alias: str) -> Alias:
    """Where an alias points, nowhere where it is none; raises IndexRefusedError, ClusterError."""
    check_name(alias)
    found = find_index(cluster, alias)
    if any(alias not in each.get("aliases", {}) for each in found.values()):
        raise IndexRefusedError(
            f"{alias!r} is {kind_of(alias, found)}, so no alias can have its name: choose another "
            "name for the alias."
        )
    return Alias(alias, found)


def index_for(
    cluster: Cluster, alias: str, fingerprint: str, shape: Shape, *, take: bool = False
) -> str:
    """The index that an alias's load fills: an interrupted one, or a new name.

    An interrupted one of another encoder or shape is left alone. Raises IndexRefusedError where the
    alias's name is that of an index or cannot begin one, where the alias cannot be switched (see
    Alias.check), and where another process is filling the one to go on with.
    """
    name = _new_name(alias)
    live = read_alias(cluster, alias)
    live.check(take=take)
    found = generations(cluster, alias)
    for old in sorted(marked(found, alias) - live.indexes.keys(), reverse=True):
        if (note := read_note(old, found[old])) is None:
            continue
        if who := busy(note):
            raise loaded_already(alias, who, old)
        if _fits(found[old], old, fingerprint, shape):
            return old
    while name in found:  # a load of less than a second
        time.sleep(0.1)
        name = _new_name(alias)
    return name


def claim(cluster: Cluster, alias: str, index: OpenIndex) -> tuple[str, str] | None:
    """Be the one that loads an alias: who has begun to at the same time, and into which index.

    Or None, and those that were silent too long lose their places: they cannot point the alias
    elsewhere when they wake up. Raises ClusterError.
    """
    found = generations(cluster, alias)
    given_up = []
    for name in marked(found, alias) - {index.name}:
        note = read_note(name, found[name])
        if note is None or is_live(found[name], note):
            continue
        if who := busy(note):
            return who, name
        given_up.append(name)
    for name in given_up:
        take_lease(cluster, name, found[name], index.token, alias)
    return None


def _new_name(alias: str) -> str:
    check_name(alias, new=True)
    name = f"{alias}-{time.strftime(_STAMP, time.gmtime())}"
    if (size := len(name.encode())) > LONGEST_NAME:
        raise IndexRefusedError(
            f"the indexes of the alias {alias!r} would have names of {size} bytes, with their time "
            f"in them, and at most {LONGEST_NAME} are taken: give a shorter alias."
        )
    return name


def _fits(description: dict[str, Any], name: str, fingerprint: str, shape: Shape) -> bool:
    record = record_of(name, description)
    if record is None or record.encoder.fingerprint != fingerprint:
        return False
    found = laid_out(description, record.fields)
    return all(getattr(shape, each) == value for each, value in found.items())


def check_whole(alias: str, report: Report, limit: RejectLimit) -> None:
    """Raise IncompleteError where an index must not go live: empty, or with too much refused.

    A run goes on after a hundred rejects whatever their share is; at its end the share is known.
    """
    stays = f"the alias {alias!r} stays where it is, because"
    if not (report.read and report.held):
        raise IncompleteError(
            f"{stays} no document came into the new index {report.index!r}: look whether the "
            "source is the right one, and run the same command again."
        )
    if not limit.allows_in_the_end(report.rejected, report.read):
        raise IncompleteError(
            f"{stays} {report.rejected:,} of {report.read:,} documents were rejected, which is "
            f"more than `max_rejects` allows; see {report.rejects}, mend the source and run the "
            "same command again, which goes on from here, or raise `max_rejects`."
        )


@checked_arguments(IndexRefusedError, "switch_alias")
def switch(
    cluster: Cluster,
    alias: str,
    index: str,
    *,
    keep: int | None = None,
    take_alias: bool = False,
    run: OpenIndex | None = None,
    dry_run: bool = False,
) -> Older:
    """Point the alias at one index in one step, its filter, routing and marks kept.

    Returns the older indexes that were deleted. keep: how many older ones that were filled for this
    alias stay, those whose load was given up not among them; None keeps all; take_alias: it may be
    taken from indexes that Tandem did not make; run: that has just filled the index; dry_run:
    change nothing, and return what would be deleted. May be done twice. IndexRefusedError where the
    alias's name is that of an index, its load has not ended, or it cannot be switched (see
    Alias.check), LostPlaceError where the run lost its place, ClusterError where the index is not
    there.
    """
    check_name(index)
    live = read_alias(cluster, alias)
    live.check(take=take_alias)
    description = _target(cluster, index)
    note = read_note(index, description)
    if run is None and note and not note.whole and alias not in aliases(description):
        raise IndexRefusedError(
            f"the load of {index!r} has not ended: end it first, by the same load with "
            f"`alias={alias!r}` as before, which also points the alias there."
        )
    found = generations(cluster, alias)
    planned = older(found, alias, live=live.indexes, before=created(description), keep=keep)
    if run is None and (told := told_incomplete(cluster, index, description)):
        planned = replace(planned, notes=(*planned.notes, told))
    if dry_run:
        return planned
    if run is None:
        require(cluster, "switch" if keep is None else "switch-keep", alias)
    _point(cluster, live, index, description, run)
    return delete(cluster, alias, found, planned, live=index)


def _target(cluster: Cluster, index: str) -> dict[str, Any]:
    found = cluster.get_index(index)
    if index not in found:
        raise IndexRefusedError(
            f"{index!r} is an alias of {', '.join(sorted(found))}, and an alias points to indexes: "
            "name one of those."
        )
    return found[index]


def _point(
    cluster: Cluster, live: Alias, index: str, description: dict[str, Any], run: OpenIndex | None
) -> None:
    if run is not None and run.lease not in leases(description):
        if index not in live.indexes:
            raise LostPlaceError(index)
        return  # only the answer was lost
    try:
        with cluster.explaining():
            actions = _actions(live, index, description)
            cluster.client.indices.update_aliases(body={"actions": actions})
    except UnreachableError:
        raise
    except ClusterError as error:
        now = sorted(read_alias(cluster, live.name).indexes)
        if index in now or now == sorted(live.indexes):
            raise
        raise IndexRefusedError(
            f"somebody else moved the alias {live.name!r} at this moment (to "
            f"{', '.join(now) or 'nothing'}), so it was not switched: look who, and run the same "
            "command again."
        ) from error


def _actions(live: Alias, index: str, description: dict[str, Any]) -> list[dict[str, Any]]:
    """What points an alias to an index, whose lease ends in the same step."""
    # Where somebody moved it a moment ago, nothing is done.
    gone = [
        {"remove": {"index": name, "alias": live.name, "must_exist": True}}
        for name in live.indexes
        if name != index
    ]
    ended = [
        {"remove": {"index": index, "alias": lease, "must_exist": True}}
        for lease in leases(description)
    ]
    return [*gone, *ended, {"add": {"index": index, "alias": live.name, **live.traits()}}]


def rehearse_switch(cluster: Cluster, alias: str, run: OpenIndex, *, keep: int | None) -> None:
    """Ask for what `switch` will ask for, in a way that changes nothing.

    The cluster looks at permissions first, and then refuses: of a change of aliases, which is done
    whole or not at all, a part is impossible, and no index has the name of the deleted one. Raises
    AccessError.
    """
    absent = f"{alias}-rehearsal-{run.token}"
    impossible = {"remove": {"index": run.name, "alias": absent, "must_exist": True}}
    actions = _actions(read_alias(cluster, alias), run.name, _target(cluster, run.name))
    with _refused(), cluster.explaining():
        cluster.client.indices.update_aliases(body={"actions": [*actions, impossible]})
    if keep is not None:
        with _refused(), cluster.explaining():
            cluster.client.indices.delete(index=absent)


@contextmanager
def _refused() -> Iterator[None]:
    """What is inside is refused by the cluster as impossible, unless it is forbidden."""
    try:
        yield
    except (AccessError, UnreachableError):
        raise
    except ClusterError:
        return
