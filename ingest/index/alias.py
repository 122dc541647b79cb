"""A new model with no downtime: fill a new index, then point the alias at it in one step."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from ingest.errors import IncompleteError, IndexRefusedError
from ingest.index.describe import check_name, get_index
from ingest.index.loading import SILENT_SECONDS, busy
from ingest.tally import RejectLimit, Report
from mappings import LOADING, Shape, laid_out, read_record

if TYPE_CHECKING:
    from cluster import Cluster


def index_for(cluster: Cluster, alias: str, fingerprint: str, shape: Shape) -> str:
    """The index that an alias's load fills: an interrupted one, or a new name.

    An interrupted one of another encoder or shape is left alone. Raises IndexRefusedError where the
    alias's name is that of an index or cannot begin one, and where another process is filling the
    one to go on with.
    """
    check_name(alias, new=True)
    generations = _generations(cluster, alias)
    live = _holders(cluster, alias)
    for name in sorted(generations.keys() - live, reverse=True):
        note = _meta(generations[name]).get(LOADING) or {}
        if note.get("alias") != alias or not _fits(generations[name], name, fingerprint, shape):
            continue
        if who := busy(note):
            raise IndexRefusedError(
                f"{alias!r} is being loaded already ({who}, into {name!r}): wait for its end; if "
                f"it was killed, {SILENT_SECONDS:.0f} seconds of silence tell, so try again."
            )
        return name
    name = f"{alias}-{time.strftime('%Y%m%d%H%M%S', time.gmtime())}"
    while name in generations:  # a load of less than a second
        time.sleep(0.1)
        name = f"{alias}-{time.strftime('%Y%m%d%H%M%S', time.gmtime())}"
    return name


def _fits(description: dict[str, Any], name: str, fingerprint: str, shape: Shape) -> bool:
    record = read_record(description["mappings"], name)
    if record is None or record.encoder.fingerprint != fingerprint:
        return False
    found = laid_out(description, record.fields)
    return all(getattr(shape, each) == value for each, value in found.items())


def _generations(cluster: Cluster, alias: str) -> dict[str, dict[str, Any]]:
    """All indexes of an alias's loads, by name."""
    check_name(alias)
    indices = cluster.client.indices
    with cluster.explaining():
        taken = indices.exists(index=alias) and not indices.exists_alias(name=alias)
    if taken:
        raise IndexRefusedError(
            f"{alias!r} is an index, so no alias can have its name: choose another name for "
            f"the alias, or copy it to a new name and delete it first."
        )
    found = get_index(cluster, f"{alias}-*", ignore_unavailable=True)
    pattern = re.compile(re.escape(alias) + r"-\d{14}")
    return {name: each for name, each in found.items() if pattern.fullmatch(name)}


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
            f"more than --max-rejects allows; see {report.rejects}, mend the source and run the "
            "same command again, which goes on from here, or raise --max-rejects."
        )


def switch(
    cluster: Cluster, alias: str, index: str, *, keep: int | None = None, loaded: bool = False
) -> list[str]:
    """Point the alias at one index in one step, and return the names of the indexes deleted.

    keep: how many older generations (ALIAS- and a time stamp) stay, those whose load was given up
    not among them; None keeps all; loaded: the caller knows that the index is whole. Raises
    IndexRefusedError where the alias's name is that of an index or its load has not ended,
    ClusterError where the index is not there.
    """
    check_name(index)
    generations = _generations(cluster, alias)
    if not loaded and index in generations and LOADING in _meta(generations[index]):
        raise IndexRefusedError(
            f"the load of {index!r} has not ended: end it first, with the same `tandem ingest "
            f"--alias {alias}` as before, which also points the alias there."
        )
    actions: list[dict[str, Any]] = [
        {"remove": {"index": name, "alias": alias}}
        for name in _holders(cluster, alias)
        if name != index
    ]
    actions.append({"add": {"index": index, "alias": alias}})
    with cluster.explaining():
        cluster.client.indices.update_aliases(body={"actions": actions})
    if keep is None:
        return []
    return _delete_older(cluster, index, generations, keep)


def _delete_older(
    cluster: Cluster, index: str, generations: dict[str, dict[str, Any]], keep: int
) -> list[str]:
    now = _created(get_index(cluster, index)[index])
    born = {name: _created(each) for name, each in generations.items()}
    older = sorted((name for name in born if born[name] < now), key=lambda name: born[name])
    notes = {name: _meta(generations[name]).get(LOADING) for name in older}
    whole = [name for name in older if notes[name] is None]
    given_up = [name for name, note in notes.items() if note is not None and not busy(note)]
    gone = [*given_up, *whole[: max(0, len(whole) - keep)]]
    with cluster.explaining():
        for name in gone:
            cluster.client.indices.delete(index=name)
    return gone


def _created(description: dict[str, Any]) -> int:
    return int(description["settings"]["index"]["creation_date"])


def _meta(description: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = description["mappings"].get("_meta", {})
    return found


def _holders(cluster: Cluster, alias: str) -> set[str]:
    from opensearchpy.exceptions import NotFoundError

    with cluster.explaining():
        try:
            return set(cluster.client.indices.get_alias(name=alias))
        except NotFoundError:
            return set()
