"""Write how an index is to be searched into its mapping's `_meta`, where searches find it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mappings import SEARCH, SearchSettings, own_meta
from query.errors import QueryError
from tandem.base.arguments import checked_arguments
from tandem.base.wire import path_of

if TYPE_CHECKING:
    from cluster import Cluster


@checked_arguments(QueryError)
def put_search_settings(cluster: Cluster, index: str, settings: SearchSettings) -> list[str]:
    """Have hybrid searches of an index, or of all behind an alias, do as `settings` say.

    Searchers that are open take it up within a minute. Returns the indexes' names; raises
    QueryError where one of them has no record of Tandem's, and ClusterError.
    """
    return _put(cluster, index, settings)


@checked_arguments(QueryError)
def remove_search_settings(cluster: Cluster, index: str) -> list[str]:
    """Have searches of an index do the usual again; the names of those that had settings."""
    return _put(cluster, index, None)


def _put(cluster: Cluster, index: str, settings: SearchSettings | None) -> list[str]:
    changed = []
    found = cluster.get_index(index)
    with cluster.explaining():
        metas = {name: own_meta(each.get("mappings", {})) for name, each in found.items()}
        bare = sorted(name for name, meta in metas.items() if not meta)
        if bare and settings is not None:
            raise QueryError(
                f"index {bare[0]!r} has no record of Tandem's, so nothing was written: settings of "
                "searches would be found there by nobody."
            )
        for name, own in metas.items():
            meta = dict(own)
            if meta.pop(SEARCH, None) is None and settings is None:
                continue
            if settings is not None:
                meta[SEARCH] = settings.to_meta()
            cluster.client.transport.perform_request(
                "PUT", path_of(name, "_mapping"), body={"_meta": meta}
            )
            changed.append(name)
    return changed
