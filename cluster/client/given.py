"""A client of opensearch-py that a program has already: where it leads and who it is, taken over.

Tandem's own client is made with its options, so that nobody else's connections are closed, shared
with a forked process, or given other retries.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any
from urllib.parse import SplitResult, urlsplit

from opensearchpy import OpenSearch, RequestsHttpConnection, Transport, Urllib3HttpConnection
from opensearchpy.connection import Connection

from cluster.access.settings import TIMEOUT, telling
from cluster.client.connections import BoundedConnection, BoundedRequestsConnection
from cluster.client.failover import every_connection
from cluster.client.options import POOL_SIZE
from cluster.client.serializer import OrjsonSerializer
from cluster.errors import ClusterError
from tandem.base.arguments import shown

# What a transport keeps of its own options, beside those of its connections.
_KEPT = (
    "connection_pool_class",
    "host_info_callback",
    "metrics",
    "retry_on_timeout",
    "send_get_body_as",
    "sniff_on_connection_fail",
    "sniff_timeout",
    "sniffer_timeout",
)


def options_of(client: Any, timeout: float | None) -> dict[str, Any]:
    """The options of a client, as `client_options` gives them of an address.

    timeout: seconds for one request, None for the client's own. Raises ClusterError for what is no
    client of OpenSearch, and for one whose transport does more than opensearch-py's.
    """
    if not isinstance(client, OpenSearch):
        raise ClusterError(
            f"the client is {shown(client)}: give an OpenSearch of opensearch-py, by which "
            "AsyncSearcher searches as well, or for any other cluster `url`."
        )
    transport = client.transport
    if type(transport) is not Transport:
        raise ClusterError(
            f"the client sends by a transport of its own, {shown(transport)}, whose ways another "
            "client would not have: give one that has them in its class of connections."
        )
    kept = {name: getattr(transport, name) for name in _KEPT}
    return {
        **transport.kwargs,
        **kept,
        "hosts": [dict(host) for host in transport.hosts],
        "connection_class": _bounded(transport.connection_class),
        "timeout": timeout or transport.kwargs.get("timeout") or TIMEOUT,
        "max_retries": 0,
        "pool_maxsize": transport.pool_maxsize or POOL_SIZE,
        "serializer": OrjsonSerializer(),
    }


def url_of(client: OpenSearch) -> str:
    """Where a client leads, of several hosts the first."""
    first = every_connection(client.transport.connection_pool)[0]
    return f"{first.host}{first.url_prefix}"


def secrets_of(client: OpenSearch) -> Iterator[tuple[SplitResult, str | None]]:
    """Each host of a client, with what of each request to it nobody else may read.

    What signs or fetches tokens is not asked: its secret may never leave this machine.
    """
    for each in every_connection(client.transport.connection_pool):
        named = [name for name, value in each.headers.items() if value and telling(name)]
        who = getattr(getattr(each, "session", None), "auth", None)
        if isinstance(who, tuple) or hasattr(who, "password"):
            named.insert(0, "authorization")
        yield urlsplit(each.host), f"the header {named[0]!r}" if named else None


def _bounded(kind: type[Connection]) -> type[Connection]:
    """A class of connections, with the bounds of ours where it can have them."""
    for known, bounded in (
        (Urllib3HttpConnection, BoundedConnection),
        (RequestsHttpConnection, BoundedRequestsConnection),
    ):
        if kind is known:
            return bounded
        if issubclass(kind, known):
            return type(kind.__name__, (bounded, kind), {})
    return kind


class ThreadedConnection(Connection):
    """A connection for an event loop that sends by one of the other kind, in threads.

    So whatever authentication that one has serves both. kind: its class.
    """

    def __init__(self, *, kind: type[Connection], loop: Any = None, **options: Any) -> None:
        super().__init__(**options)
        self._sending: Any = kind(**options)

    async def perform_request(self, *args: Any, **options: Any) -> Any:
        """Send a request."""
        return await asyncio.to_thread(self._sending.perform_request, *args, **options)

    async def close(self) -> None:
        """Close the connection."""
        self._sending.close()
