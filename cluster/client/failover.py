"""Where a cluster is: which of its hosts is asked, which when that is away, what is asked twice.

Hosts that were named are asked before those that the cluster told of; one that was away is left
out for a while. The embedded node may be at another port after each start.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import urllib3.exceptions as urllib3_errors
from opensearchpy import TransportError
from opensearchpy.connection_pool import RoundRobinSelector
from opensearchpy.exceptions import ConnectionError as ClientConnectionError
from opensearchpy.exceptions import ConnectionTimeout, OpenSearchException, SSLError

from cluster.errors import UnreachableError

# Gives the port at which the node runs now; raises UnreachableError where it does not run.
Locate = Callable[[], int]
# So long a host that was away is not asked, at first; twice as long the second time.
DEAD_SECONDS = 15.0
# What may be lost to a host that swallows all, where there are others.
CONNECT_SECONDS = 10.0
# Posted, and yet they change nothing; but of a scroll the second answer would be the next page.
_READING = frozenset({"_search", "_msearch", "_mget", "_count"})
_MOVING_ON = "scroll"
# Of a node that is starting, ending, or alone.
_AWAY = (502, 503, 504)
# Raised before anything was sent.
_UNSENT = (urllib3_errors.NewConnectionError, urllib3_errors.ConnectTimeoutError)
_HOLDERS = {"cluster_manager", "master", "voting_only"}


class NamedFirst(RoundRobinSelector):
    """In turn those hosts that were named, and only without them those that were told of."""

    def select(self, connections: Any) -> Any:
        """One of the live connections."""
        named = [c for c in connections if not self.connection_opts[c].get("told")]
        return super().select(named or connections)


class Elsewhere:
    """Whether one request, which failed, may be sent to another host: to each at most once."""

    def __init__(self, transport: Any, method: str, path: str) -> None:
        self._left = len(transport.hosts) - 1
        parts = set(path.partition("?")[0].split("/"))
        reading = method in ("GET", "HEAD") or bool(parts & _READING)
        self._reading = reading and _MOVING_ON not in parts
        self._first: TransportError | None = None

    def after(self, error: TransportError) -> None:
        """Return where the request is to be sent again; else raise what its first host said."""
        self._first = self._first or error
        if not self._left or not self._may(error):
            raise self._first
        self._left -= 1

    def _may(self, error: TransportError) -> bool:
        if not isinstance(error, ClientConnectionError):
            return self._reading and error.status_code in _AWAY
        if isinstance(error, ConnectionTimeout | SSLError) or isinstance(error.info, ssl.SSLError):
            return False  # it may be busy with it; and a bad certificate is not to be passed over
        # Of aiohttp's errors, that of the connector alone has what the system said.
        unsent = isinstance(error.info, _UNSENT) or hasattr(error.info, "os_error")
        return self._reading or unsent


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


def revive(transport: Any) -> None:
    """Count hosts as there that were away: the client closes the connections of those alone."""
    pool = transport.connection_pool
    if isinstance(pool.connections, list):  # a single host is never left out
        pool.connections = list(every_connection(pool))


def every_connection(pool: Any) -> Sequence[Any]:
    """Those of hosts that are away too, which the pool's own list leaves out."""
    connections: Sequence[Any] = getattr(pool, "orig_connections", pool.connections)
    return connections


def with_nodes(client: Any) -> list[dict[str, Any]]:
    """Let a client know of the cluster's other nodes; returns all hosts that it knows then."""
    hosts = _told_hosts(client)
    if hosts != client.transport.hosts:
        old = client.transport.connection_pool
        client.transport.hosts = hosts
        client.transport.set_connections(hosts)
        old.close()
    return hosts


def _told_hosts(client: Any) -> list[dict[str, Any]]:
    """The client's hosts, and after them the nodes that the cluster tells of.

    They are left out where no named host is itself one of the nodes, by address and port: what
    stands before a cluster hides nodes that cannot be reached. Who may not ask for nodes does
    without.
    """
    named = list(client.transport.hosts)
    if any(key in host for host in named for key in ("url_prefix", "proxy", "signer")):
        return named
    path = "/_nodes/http?filter_path=nodes.*.roles,nodes.*.http.publish_address"
    try:
        answer = client.transport.perform_request("GET", path)
    except OpenSearchException:
        return named
    nodes = answer.get("nodes") if isinstance(answer, dict) else None
    places = [place for node in (nodes or {}).values() if (place := _place(node))]
    known = {place for host in named for place in _places(host)}
    if not known & {(name, port) for names, port in places for name in names}:
        return named
    like = {**named[0], "told": True}
    told = [
        {**like, "host": names[0], "port": port}
        for names, port in places
        if not known & {(name, port) for name in names}
    ]
    return [{**host, "connect_timeout": CONNECT_SECONDS} for host in (*named, *told)]


def _place(node: Mapping[str, Any]) -> tuple[tuple[str, ...], int] | None:
    """(its names, its port), of one that takes requests; "name/address:port" has two."""
    address = (node.get("http") or {}).get("publish_address") or ""
    names, _, port = address.rpartition(":")
    roles = set(node.get("roles") or ())
    if not names or not port.isdecimal() or (roles and roles <= _HOLDERS):
        return None
    return tuple(name.strip("[]") for name in names.split("/")), int(port)


def _places(host: Mapping[str, Any]) -> set[tuple[str, int]]:
    """Under which names and addresses, with its port, a named host may be told of."""
    name, port = host["host"], host["port"]
    try:
        found = {
            str(each[4][0]) for each in socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
        }
    except OSError:
        found = set()
    return {(each, port) for each in {name, *found}}
