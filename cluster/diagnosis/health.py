"""What a cluster that answered can do, and how well it is."""

from __future__ import annotations

from cluster.client.shards import SHARD_CURE
from cluster.connection import Cluster
from cluster.diagnosis.finding import Finding
from cluster.errors import ClusterError

# Indexes with missing shards that are named.
_NAMES = 5


def of_cluster(cluster: Cluster) -> list[Finding]:
    """What a cluster that answered can do."""
    can = cluster.capabilities
    section = "cluster"
    no_knn = None if can.knn else "install the k-NN plugin on every node, or use a newer version"
    hybrid = "on the server" if can.neural_search else "on the client, with the same ranking"
    return [
        Finding(section, "answers", f"{can.distribution} {can.version_text} at {cluster.url}"),
        Finding(section, "vector search", "yes" if can.knn else "no", no_knn),
        Finding(section, "hybrid fusion", hybrid),
        Finding(section, "k-NN engines", ", ".join(can.engines) or "one, built in"),
        *_shards(cluster),
    ]


def _shards(cluster: Cluster) -> list[Finding]:
    """Whether every index has all its shards; nothing where this user may not know."""
    ask = cluster.client.transport.perform_request
    red = {"health": "red", "format": "json", "h": "index", "expand_wildcards": "all"}
    try:
        with cluster.explaining():
            status = ask("GET", "/_cluster/health").get("status")
            rows = ask("GET", "/_cat/indices", params=red) if status == "red" else []
    except ClusterError:
        return []
    names = sorted(str(row.get("index")) for row in rows)
    if not names:
        return [Finding("cluster", "shards", "all there")]
    more = f" and {len(names) - _NAMES:,} more" if len(names) > _NAMES else ""
    told = f"missing of {', '.join(names[:_NAMES])}{more}: searches there are incomplete"
    # Tandem can work, but not with these.
    return [Finding("cluster", "shards", told, SHARD_CURE, needed=False)]


def of_failure(error: ClusterError) -> list[Finding]:
    """A cluster that could not be reached; the error's sentence holds the cure."""
    return [Finding("cluster", "answers", "no", str(error))]
