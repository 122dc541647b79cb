"""Reach a cluster: one client with its credentials, its capabilities, and its errors explained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

from cluster.capabilities import Capabilities, detect
from cluster.client.forks import ProcessClient
from cluster.client.options import TIMEOUT, client_options, host_of
from cluster.credentials import (
    Credentials,
    Secret,
    redacted,
    split,
    warn_if_exposed,
)
from cluster.errors import ClusterError, NodeError, cause_of
from cluster.explain import Circumstances, explain
from cluster.node.artifacts import OnProgress
from cluster.node.node import EmbeddedNode
from tandem.base.arguments import as_number, check_type, known_options

if TYPE_CHECKING:
    from opensearchpy import AsyncOpenSearch, OpenSearch

# Seconds. A socket's own limit differs from system to system, and lies above.
LONGEST_TIMEOUT = 86_400.0
URL = (
    "give text, as https://search.example:9200, or a client of opensearch-py as connect(client=...)"
)
SERVERLESS_DOMAIN = ".aoss.amazonaws.com"


class Cluster:
    """A cluster that answered: its client, what it can do, and its errors in plain words."""

    def __init__(
        self,
        url: str,
        options: dict[str, Any],
        circumstances: Circumstances,
        client: OpenSearch,
        capabilities: Capabilities,
    ) -> None:
        self.url = url
        self._client = ProcessClient(client)
        self.capabilities = capabilities
        self._options = options
        self._circumstances = circumstances

    def __repr__(self) -> str:
        return f"Cluster({redacted(self.url)!r})"

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
        return explain(error, self._circumstances, self._index_names)

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

    def _index_names(self) -> list[str]:
        found = self.client.transport.perform_request("GET", "/_aliases")
        aliases = (alias for entry in found.values() for alias in entry.get("aliases", {}))
        return [name for name in (*found, *aliases) if not name.startswith(".")]


@known_options(ClusterError)
def connect(
    url: str | None = None,
    *,
    client: OpenSearch | None = None,
    user: str | None = None,
    password: str | Secret | None = None,
    api_key: str | Secret | None = None,
    ca_certs: str | Path | None = None,
    verify: bool = True,
    timeout: float | None = None,
    on_progress: OnProgress | None = None,
) -> Cluster:
    """Reach a cluster and learn what it can do; without a url, find or start the embedded node.

    url: http or https, without credentials; client: an OpenSearch of opensearch-py in its place,
    whose hosts, authentication, TLS and headers hold, in connections of Tandem's own: it is neither
    changed nor closed; ca_certs: a PEM file, else the trust store of this machine counts; timeout:
    seconds for one request, from connecting to the last byte of its answer, unless given 30, or the
    client's own; on_progress: called with (what, bytes done, total or None) while the node is
    fetched. A port that is left out is 9200 for http and 443 for https. Raises ClusterError.
    """
    if timeout is not None:
        _check_timeout(timeout)
    credentials = Credentials(user, _secret(password), _secret(api_key))
    if client is not None:
        others = (url, user, password, api_key, ca_certs, None if verify else verify)
        return _connect_by(client, timeout, alone=others == (None,) * len(others))
    timeout = TIMEOUT if timeout is None else timeout
    if url is None:
        if credentials != Credentials():
            raise ClusterError("credentials are given without a cluster: name it with `url`.")
        return connect_embedded(EmbeddedNode(), timeout=timeout, on_progress=on_progress)
    check_type("the URL", url, str, ClusterError, URL)
    parts = split(url)
    warn_if_exposed(parts, credentials, verify)
    options = client_options(host_of(parts), credentials, ca_certs, verify, timeout)
    circumstances = Circumstances(url, user, api_key is not None, _node_at(url.rstrip("/")))
    return _open(url.rstrip("/"), options, circumstances)


def _connect_by(client: OpenSearch, timeout: float | None, alone: bool) -> Cluster:
    """Reach what a client of the caller's own reaches; alone: nothing else says where and who."""
    from cluster.client.given import options_of, url_of

    if not alone:
        raise ClusterError(
            "a client is given, which has an address, credentials and certificates of its own: "
            "give it alone, or `url` and what goes with it."
        )
    options = options_of(client, timeout)
    url = url_of(client)
    return _open(url, options, Circumstances(url, client=True, node=_node_at(url)))


def _node_at(url: str) -> EmbeddedNode | None:
    """The embedded node, where it runs at this URL."""
    try:
        node = EmbeddedNode()
    except NodeError:  # a user without a home has none
        return None
    state = node.status()
    return node if state is not None and state.url == url else None


def connect_embedded(
    node: EmbeddedNode, *, timeout: float = 30.0, on_progress: OnProgress | None = None
) -> Cluster:
    """Find or start this node and connect to it; raises NodeError.

    The cluster's clients find the node again after a restart, at whichever port it runs.
    """
    _check_timeout(timeout)
    url = node.start(on_progress).url
    options = client_options(host_of(split(url)), Credentials(), None, True, timeout)
    options["locate"] = node.locate
    return _open(url, options, Circumstances(url, node=node))


def _check_timeout(timeout: float) -> None:
    as_number("the timeout", timeout, ClusterError)
    if not 0 < timeout <= LONGEST_TIMEOUT:
        raise ClusterError(
            f"the timeout is {timeout} and must be a number of seconds above 0, and at most "
            f"{LONGEST_TIMEOUT:,.0f}."
        )


def _secret(given: str | Secret | None) -> Secret | None:
    if not given:
        return None
    return given if isinstance(given, Secret) else Secret(given)


def _open(url: str, options: dict[str, Any], circumstances: Circumstances) -> Cluster:
    from opensearchpy import OpenSearch

    from cluster.client.answers import CheckedTransport
    from cluster.client.connections import BoundedConnection

    kind = {"connection_class": BoundedConnection}
    client = OpenSearch(transport_class=CheckedTransport, **{**kind, **options})
    with _closed_on_failure(client):
        try:
            capabilities = detect(
                client,
                embedded=circumstances.node is not None,
                serverless=(urlsplit(url).hostname or "").endswith(SERVERLESS_DOMAIN),
            )
        except Exception as error:
            told = explain(error, circumstances)
            raise told from cause_of(told, error)
        return Cluster(url, options, circumstances, client, capabilities)


@contextmanager
def _closed_on_failure(client: OpenSearch) -> Iterator[None]:
    try:
        yield
    except BaseException:
        client.close()
        raise
