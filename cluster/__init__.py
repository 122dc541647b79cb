"""Reach a cluster, learn what it can do, and run one on this machine where there is none."""

from cluster.capabilities import Capabilities
from cluster.connection import Cluster, connect, connect_embedded
from cluster.errors import (
    AccessError,
    ClusterError,
    DownloadError,
    JavaError,
    MissingIndexError,
    MissingRightError,
    NodeError,
    UnreachableError,
)
from cluster.node.home import Home
from cluster.node.node import EmbeddedNode
from cluster.node.state import NodeState

__all__ = [
    "AccessError",
    "Capabilities",
    "Cluster",
    "ClusterError",
    "DownloadError",
    "EmbeddedNode",
    "Home",
    "JavaError",
    "MissingIndexError",
    "MissingRightError",
    "NodeError",
    "NodeState",
    "UnreachableError",
    "connect",
    "connect_embedded",
]
