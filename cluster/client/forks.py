"""Connections of a forked process: sockets shared with its parent would mix up their answers."""

from __future__ import annotations

import copy
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opensearchpy import OpenSearch


class ProcessClient:
    """A client that has connections of its own in whichever process asks for it."""

    def __init__(self, client: OpenSearch) -> None:
        self._client = client
        self._process = os.getpid()
        # Never let go of: to close a pool takes its lock, which a thread of the parent may hold.
        self._inherited: list[object] = []

    def get(self) -> OpenSearch:
        """The client; the same object in every process, its connections aside."""
        if self._process != os.getpid():
            self._reconnect()
            self._process = os.getpid()
        return self._client

    def _reconnect(self) -> None:
        """Give the client new connections, made with the options of the old ones."""
        from opensearchpy.connection_pool import EmptyConnectionPool

        transport = self._client.transport
        fresh = copy.copy(transport)
        fresh.connection_pool = EmptyConnectionPool()  # else the old connections are taken over
        fresh.set_connections(fresh.hosts)
        self._inherited += transport.connection_pool, transport.seed_connections
        # In one step, for other threads of this process may be using it already.
        transport.connection_pool = fresh.connection_pool
        transport.seed_connections = list(fresh.connection_pool.connections)
