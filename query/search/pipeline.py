"""Write a search pipeline into the cluster, for permanent use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mappings import Fusion, fault_of_pipeline_name, path_of, pipeline_body
from query.body.hybrid import fusion_obstacle
from query.errors import QueryError

if TYPE_CHECKING:
    from cluster import Cluster


def put_pipeline(cluster: Cluster, name: str, fusion: Fusion) -> dict[str, Any]:
    """Create or replace a search pipeline that fuses hybrid searches, and return its body.

    Raises QueryError for a name that none can have, and where the cluster cannot fuse like this,
    and ClusterError where it refuses.
    """
    if fault := fault_of_pipeline_name(name):
        raise QueryError(f"{name!r} cannot be the name of a search pipeline: {fault}.")
    if obstacle := fusion_obstacle(fusion, cluster.capabilities):
        raise QueryError(
            f"the cluster cannot use such a pipeline: {obstacle}; search without one, and Tandem "
            "fuses itself."
        )
    body = pipeline_body(fusion)
    with cluster.explaining():
        cluster.client.transport.perform_request(
            "PUT", path_of("_search", "pipeline", name), body=body
        )
    return body
