"""Delete an index by its own name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from ingest.errors import IndexRefusedError
from ingest.index.aliases.generations import record_of
from ingest.index.describe import aliases, check_name, kind_of
from tandem.base.arguments import checked_arguments
from tandem.base.wire import path_of

if TYPE_CHECKING:
    from cluster import Cluster


@checked_arguments(IndexRefusedError)
def delete_index(cluster: Cluster, name: str, *, with_alias: str | Collection[str] = ()) -> None:
    """Delete an index that Tandem made and every document in it.

    with_alias: aliases that may point there and so vanish with it. Raises IndexRefusedError for an
    alias, which may stand for several, for an index without Tandem's record, and for one behind
    another alias; ClusterError where the index is not there.
    """
    check_name(name)
    check_deletable(name, cluster.get_index(name), with_alias)
    with cluster.explaining():
        cluster.client.indices.delete(index=name)


def check_deletable(
    name: str, found: Mapping[str, dict[str, Any]], with_alias: str | Collection[str]
) -> None:
    """Raise IndexRefusedError where what GET /INDEX says of an index forbids to delete it."""
    check_no_alias(name, found)
    record = record_of(name, found[name])
    if record is None or record.adopted:
        why = "its mapping has no record of an encoder" if record is None else "it was adopted"
        raise IndexRefusedError(
            f"index {name!r} was not made by Tandem ({why}), so "
            f"nothing was deleted: the cluster's own DELETE {path_of(name)} does it."
        )
    meant = {with_alias} if isinstance(with_alias, str) else set(with_alias)
    if left := sorted(set(aliases(found[name])) - meant):
        raise IndexRefusedError(
            f"the alias {left[0]!r} points to {name!r}, so nothing was deleted: switch it to "
            f"another index first, or let it vanish too with `with_alias={left[0]!r}`."
        )


def check_no_alias(name: str, found: Mapping[str, dict[str, Any]]) -> None:
    """Raise IndexRefusedError where other indexes than the one of that name stand behind it."""
    if list(found) != [name]:
        raise IndexRefusedError(
            f"{name!r} is {kind_of(name, found)} of {', '.join(found)}, so nothing was deleted: "
            f"name an index itself, such as {next(iter(found))}."
        )
