"""Delete an index by its own name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.errors import IndexRefusedError
from ingest.index.describe import check_name, get_index

if TYPE_CHECKING:
    from cluster import Cluster


def delete_index(cluster: Cluster, name: str) -> None:
    """Delete an index and every document in it.

    Raises IndexRefusedError for an alias, which may stand for several, and ClusterError where the
    index is not there.
    """
    check_name(name)
    check_no_alias(name, list(get_index(cluster, name)))
    with cluster.explaining():
        cluster.client.indices.delete(index=name)


def check_no_alias(name: str, behind: list[str]) -> None:
    """Raise IndexRefusedError where other indexes than the one of that name stand behind it."""
    if behind != [name]:
        raise IndexRefusedError(
            f"{name!r} is an alias of {', '.join(behind)}, so nothing was deleted: name an index "
            f"itself, such as {behind[0]}."
        )
