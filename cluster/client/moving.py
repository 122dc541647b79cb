"""Connections to a node whose port may be another one after each start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opensearchpy.exceptions import ConnectionError as ClientConnectionError

from cluster.errors import UnreachableError

# Gives the port at which the node runs now; raises UnreachableError where it does not run.
Locate = Callable[[], int]


def follow(transport: Any, locate: Locate | None) -> list[Any]:
    """Let a transport's connections lead to where the node is, and return those it gave up.

    Asked before each request, for what listens at a port after the node has ended may be anybody.
    Raises the client's ConnectionError, as for nobody.
    """
    if locate is None:
        return []
    try:
        port = locate()
    except UnreachableError as error:
        raise ClientConnectionError("N/A", str(error), error) from error
    (host,) = transport.hosts
    if host["port"] == port:
        return []
    old = list(transport.connection_pool.connections)
    transport.hosts = [{**host, "port": port}]
    if old:
        transport.set_connections(transport.hosts)
    return old
