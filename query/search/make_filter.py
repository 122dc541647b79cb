"""Everyday conditions as one filter, for what takes query DSL alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from query.body.filters.dsl import combined_filter
from query.errors import QueryError
from query.target import read_target
from tandem.base.arguments import checked_arguments

if TYPE_CHECKING:
    from cluster import Cluster


@checked_arguments(QueryError)
def make_filter(
    cluster: Cluster,
    index: str,
    where: Sequence[str] | None = (),
    filter: Mapping[str, Any] | None = None,
) -> dict[str, Any] | None:
    """Conditions as a search takes them (`year>=2019`), and a filter, as one of query DSL.

    None where there are neither. Raises FilterError for a condition that is none or whose field the
    index lacks, TargetError, ClusterError.
    """
    found = cluster.get_index(index)
    return combined_filter(filter, where or (), read_target(index, found).types, index)
