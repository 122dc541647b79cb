"""Write a search pipeline into the cluster, for permanent use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cluster.diagnosis.rights import require
from mappings import Fusion, fault_of_pipeline_name, is_own, pipeline_body
from query.body.hybrid import fusion_obstacle
from query.errors import QueryError
from tandem.base.arguments import checked_arguments
from tandem.base.wire import path_of

if TYPE_CHECKING:
    from cluster import Cluster


@checked_arguments(QueryError)
def put_pipeline(
    cluster: Cluster, name: str, fusion: Fusion, *, replace: bool = False
) -> dict[str, Any]:
    """Create or replace a search pipeline that fuses hybrid searches, and return its body.

    replace: also one that Tandem did not write. Raises QueryError for such a one without it, for a
    name that none can have, and where the cluster cannot fuse like this, and ClusterError where it
    refuses.
    """
    if fault := fault_of_pipeline_name(name):
        raise QueryError(f"{name!r} cannot be the name of a search pipeline: {fault}.")
    require(cluster, "pipeline", name)
    if obstacle := fusion_obstacle(fusion, cluster.capabilities):
        raise QueryError(
            f"the cluster cannot use such a pipeline: {obstacle}; search without one, and Tandem "
            "fuses itself."
        )
    body, path = pipeline_body(fusion), path_of("_search", "pipeline", name)
    ask = cluster.client.transport.perform_request
    with cluster.explaining():
        there = ask("GET", path, params={"ignore": 404}).get(name)
        if there is not None and not (replace or is_own(there)):
            raise QueryError(
                f"the search pipeline {name!r} is there already and Tandem did not write it, or "
                "somebody changed it: choose another name, or allow that with `replace=True`."
            )
        ask("PUT", path, body=body)
    return body
