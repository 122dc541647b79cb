"""Reach a cluster: one client with its credentials, its capabilities, and its errors explained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

from cluster.access.certificates import Certificates
from cluster.access.credentials import Credentials, Secret, warn_if_plain, warn_if_unverified
from cluster.access.proxy import CURE, PASSWORD
from cluster.access.settings import TIMEOUT, Access, check_timeout, hosts_of
from cluster.capabilities import Capabilities, detect
from cluster.client.forks import ProcessClient
from cluster.errors import AccessError, ClusterError, NodeError, cause_of
from cluster.explain import ErrorContext, explain, refused
from cluster.node.artifacts import OnDownload
from cluster.node.node import EmbeddedNode, Locator
from tandem.base.arguments import checked_arguments
from tandem.base.process.redact import redacted

if TYPE_CHECKING:
    from opensearchpy import AsyncOpenSearch, OpenSearch


class Cluster:
    """A cluster that answered: its client, what it can do, and its errors in plain words."""

    def __init__(
        self,
        url: str,
        options: dict[str, Any],
        context: ErrorContext,
        client: OpenSearch,
        capabilities: Capabilities,
    ) -> None:
        self._url = url
        self._client = ProcessClient(client)
        self.capabilities = capabilities
        self._options = options
        self._context = context
        # Whether we say who we are, so that something may be forbidden to us.
        self.has_credentials = context.known

    def __repr__(self) -> str:
        return f"Cluster({redacted(self.url)!r})"

    @property
    def url(self) -> str:
        """Where it was reached last: the embedded node may come back at another port."""
        if "locate" not in self._options:
            return self._url
        (host,) = self.client.transport.hosts
        return f"http://{host['host']}:{host['port']}"

    @property
    def client(self) -> OpenSearch:
        """opensearch-py's client; in a forked process with connections of that process's own."""
        return self._client.get()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Cluster holds connections and credentials and cannot be pickled: call connect in "
            "the process that uses it."
        )

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the client's connections; the embedded node runs on."""
        self.client.close()

    def async_client(self) -> AsyncOpenSearch:
        """A new asyncio client with the same address and credentials; the caller closes it."""
        from opensearchpy import AsyncOpenSearch

        from cluster.client.answers import AsyncCheckedTransport
        from cluster.client.connections import AsyncBoundedConnection
        from cluster.client.given import ThreadedConnection

        options = {"connection_class": AsyncBoundedConnection, **self._options}
        if "connection_class" in self._options:  # a given client's, for threads
            options |= {"kind": options["connection_class"], "connection_class": ThreadedConnection}
        return AsyncOpenSearch(transport_class=AsyncCheckedTransport, **options)

    def explain(self, error: BaseException) -> ClusterError:
        """What an exception of this cluster's client means, as one sentence with the cure.

        A ClusterError comes back as it is.
        """
        return explain(error, self._known(), self._index_names, self._own_roles)

    def refusal(self, reason: str) -> AccessError:
        """What a refusal within an answer means, as `explain` tells one of a request."""
        return refused(reason, self._known(), self._own_roles)

    def _known(self) -> ErrorContext:
        if "locate" not in self._options:
            return self._context
        return replace(
            self._context, access=replace(self._context.access, hosts=hosts_of(self.url))
        )

    @contextmanager
    def explaining(self) -> Iterator[None]:
        """What the client raises inside comes out explained; all else comes out as it is."""
        from opensearchpy.exceptions import OpenSearchException

        try:
            yield
        except (OpenSearchException, ClusterError) as error:
            told = self.explain(error)
            if told is error:
                raise
            raise told from cause_of(told, error)

    def get_index(
        self, name: str, *, missing_ok: bool = False, **params: Any
    ) -> dict[str, dict[str, Any]]:
        """GET /INDEX, of an index, of all behind an alias, or of all that a pattern finds: by name.

        Raises ClusterError, and its MissingIndexError where there is none, unless that is none.
        """
        from opensearchpy.exceptions import NotFoundError

        with self.explaining():
            try:
                found: dict[str, dict[str, Any]] = self.client.indices.get(index=name, **params)
            except NotFoundError:
                if not missing_ok:
                    raise
                return {}
        return found

    def _index_names(self) -> list[str]:
        found = self.client.transport.perform_request("GET", "/_aliases")
        aliases = (alias for entry in found.values() for alias in entry.get("aliases", {}))
        return [name for name in (*found, *aliases) if not name.startswith(".")]

    def _own_roles(self) -> list[str]:
        """Which any user may ask for."""
        elastic = self.capabilities.distribution == "elasticsearch"
        path = "/_security/_authenticate" if elastic else "/_plugins/_security/authinfo"
        return list(self.client.transport.perform_request("GET", path).get("roles", ()))


@checked_arguments(ClusterError, own=("url",))
def connect(
    url: str | Sequence[str] | None = None,
    *,
    client: OpenSearch | None = None,
    user: str | None = None,
    password: str | Secret | None = None,
    api_key: str | Secret | None = None,
    bearer_token: str | Secret | None = None,
    aws: str | None = None,
    aws_region: str | None = None,
    ca_certs: str | Path | None = None,
    verify: bool = True,
    client_cert: str | Path | None = None,
    client_key: str | Path | None = None,
    client_key_password: str | Secret | None = None,
    proxy: str | Secret | None = None,
    headers: Mapping[str, str | Secret] | None = None,
    compress: bool | None = None,
    timeout: float | None = None,
    on_progress: OnDownload | None = None,
) -> Cluster:
    """Reach a cluster and learn what it can do; without a url, find or start the embedded node.

    url: http or https, without credentials, port 9200 or 443 unless given; of several hosts, or
    other nodes of the named one's cluster, one that is away costs nothing. client: an OpenSearch of
    opensearch-py in its place, whose hosts, authentication, TLS and headers hold, in connections of
    Tandem's own. timeout: seconds for one request to the last byte of its answer, unless given 30,
    or the client's own. on_progress: called with (what, bytes done, total or None) while the node
    is fetched. For the others see Access, Credentials and Certificates. Raises ClusterError.
    """
    who = Credentials(user, password, api_key, bearer_token, aws, aws_region)
    tls = Certificates(ca_certs, verify, client_cert, client_key, client_key_password)
    seconds = TIMEOUT if timeout is None else timeout
    given = Access((), who, tls, proxy, headers, compress, seconds)
    if client is not None:
        return _connect_by(client, timeout, alone=url is None and given == Access(timeout=seconds))
    if url is None:
        return _connect_by_default(given, on_progress)
    return _connect_to(replace(given, hosts=hosts_of(url)))


def _connect_by_default(given: Access, on_progress: OnDownload | None) -> Cluster:
    """Reach the embedded node, which needs to be told nothing of who we are."""
    if given.credentials or given.certificates.client_cert:
        raise ClusterError("credentials are given without a cluster: name it with `url`.")
    return connect_embedded(EmbeddedNode(), timeout=given.timeout, on_progress=on_progress)


def _connect_to(access: Access) -> Cluster:
    from cluster.client.options import client_options

    for host in access.hosts:
        warn_if_plain(host, access.secret_sent)
        proxy = access.proxy_to(host)
        if proxy and proxy.authorization:
            warn_if_plain(urlsplit(proxy.url), PASSWORD, CURE)
        warn_if_unverified(host, access.certificates.verify)
    return _open(client_options(access), ErrorContext(access, _node_at(access.url)))


def _connect_by(client: OpenSearch, timeout: float | None, alone: bool) -> Cluster:
    """Reach what a client of the caller's own reaches; alone: nothing else says where and who."""
    from cluster.client.given import options_of, secrets_of, url_of

    if not alone:
        raise ClusterError(
            "a client is given, which has an address, credentials and certificates of its own: "
            "give it alone, or `url` and what goes with it."
        )
    options = options_of(client, timeout)
    for host, secret in secrets_of(client):
        warn_if_plain(host, secret)
    access = Access(hosts_of(url_of(client)))
    return _open(options, ErrorContext(access, _node_at(access.url), client=True))


def _node_at(url: str) -> EmbeddedNode | None:
    """The embedded node, where it runs at this URL."""
    try:
        node = EmbeddedNode()
    except NodeError:  # a user without a home has none
        return None
    state = node.status()
    return node if state is not None and state.url == url else None


def connect_embedded(
    node: EmbeddedNode, *, timeout: float = TIMEOUT, on_progress: OnDownload | None = None
) -> Cluster:
    """Find or start this node and connect to it; raises NodeError.

    The cluster's clients find the node again after a restart, at whichever port it runs.
    """
    from cluster.client.options import client_options

    check_timeout(timeout)
    access = Access(hosts_of(node.start(on_progress).url), timeout=timeout)
    return _open({**client_options(access), "locate": Locator(node)}, ErrorContext(access, node))


def _open(options: dict[str, Any], context: ErrorContext) -> Cluster:
    """A client with these options, and what the cluster can do."""
    from opensearchpy import OpenSearch

    from cluster.client.answers import CheckedTransport
    from cluster.client.connections import BoundedConnection
    from cluster.client.failover import with_nodes

    access, node = context.access, context.node
    kind = {"connection_class": BoundedConnection}
    client = OpenSearch(transport_class=CheckedTransport, **{**kind, **options})
    with _closed_on_failure(client):
        try:
            capabilities = detect(client, embedded=node is not None, serverless=access.serverless)
        except Exception as error:
            told = explain(error, context)
            raise told from cause_of(told, error)
        if node is None and not access.serverless and not context.client:
            options["hosts"] = with_nodes(client)
        return Cluster(access.url, options, context, client, capabilities)


@contextmanager
def _closed_on_failure(client: OpenSearch) -> Iterator[None]:
    try:
        yield
    except BaseException:
        client.close()
        raise
