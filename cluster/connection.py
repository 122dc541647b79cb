"""Reach a cluster: one client with its credentials, its capabilities, and its errors explained."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import SplitResult

from cluster.capabilities import Capabilities, detect
from cluster.client.forks import ProcessClient
from cluster.credentials import (
    Credentials,
    Secret,
    on_this_machine,
    redacted,
    split,
    warn_if_exposed,
)
from cluster.errors import ClusterError, NodeError, cause_of
from cluster.explain import Circumstances, explain
from cluster.node.artifacts import OnProgress
from cluster.node.node import EmbeddedNode
from tandem.base.arguments import known_options

if TYPE_CHECKING:
    from opensearchpy import AsyncOpenSearch, OpenSearch

POOL_SIZE = 8
DEFAULT_PORTS = {"http": 9200, "https": 443}
# Seconds. A socket's own limit differs from system to system, and lies above.
LONGEST_TIMEOUT = 86_400.0
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

        return AsyncOpenSearch(
            transport_class=AsyncCheckedTransport,
            connection_class=AsyncBoundedConnection,
            **self._options,
        )

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
    user: str | None = None,
    password: str | Secret | None = None,
    api_key: str | Secret | None = None,
    ca_certs: str | Path | None = None,
    verify: bool = True,
    timeout: float = 30.0,
    on_progress: OnProgress | None = None,
) -> Cluster:
    """Reach a cluster and learn what it can do; without a url, find or start the embedded node.

    url: http or https, without credentials; ca_certs: a PEM file, else the trust store of this
    machine counts; timeout: seconds for one request, from connecting to the last byte of its
    answer; on_progress: called with (what, bytes done, total or None) while the node is fetched. A
    port that is left out is 9200 for http and 443 for https. Raises ClusterError.
    """
    _check_timeout(timeout)
    credentials = Credentials(user, _secret(password), _secret(api_key))
    if url is None:
        if credentials != Credentials():
            raise ClusterError("credentials are given without a cluster: name it with `url`.")
        return connect_embedded(EmbeddedNode(), timeout=timeout, on_progress=on_progress)
    parts = split(url)
    warn_if_exposed(parts, credentials, verify)
    options = _client_options(_host(parts), credentials, ca_certs, verify, timeout)
    circumstances = Circumstances(url, user, api_key is not None, _node_at(url.rstrip("/")))
    return _open(url.rstrip("/"), options, circumstances)


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
    options = _client_options(_host(split(url)), Credentials(), None, True, timeout)
    options["locate"] = node.locate
    return _open(url, options, Circumstances(url, node=node))


def _check_timeout(timeout: float) -> None:
    if not 0 < timeout <= LONGEST_TIMEOUT:
        raise ClusterError(
            f"the timeout is {timeout} and must be a number of seconds above 0, and at most "
            f"{LONGEST_TIMEOUT:,.0f}."
        )


def _secret(given: str | Secret | None) -> Secret | None:
    if not given:
        return None
    return given if isinstance(given, Secret) else Secret(given)


def _host(parts: SplitResult) -> dict[str, Any]:
    host: dict[str, Any] = {
        "host": parts.hostname,
        "port": parts.port or DEFAULT_PORTS[parts.scheme],
        "use_ssl": parts.scheme == "https",
    }
    if parts.path.strip("/"):
        host["url_prefix"] = parts.path.strip("/")
    return host


def _client_options(
    host: dict[str, Any],
    credentials: Credentials,
    ca_certs: str | Path | None,
    verify: bool,
    timeout: float,
) -> dict[str, Any]:
    from cluster.client.serializer import OrjsonSerializer

    options: dict[str, Any] = {
        "hosts": [host],
        "timeout": timeout,
        # Whoever sends knows what may be sent twice, and retries with backoff.
        "max_retries": 0,
        "pool_maxsize": POOL_SIZE,
        "http_compress": not on_this_machine(host["host"]),
        "serializer": OrjsonSerializer(),
        "headers": credentials.headers(),
    }
    if host["use_ssl"]:
        options |= _tls(ca_certs, verify)
    return options


def _tls(ca_certs: str | Path | None, verify: bool) -> dict[str, Any]:
    """How the client checks certificates: not, by one authority, or as this machine does."""
    if not verify:
        return {"verify_certs": False, "ssl_show_warn": False, "ssl_assert_hostname": False}
    if ca_certs is not None:
        return {"ssl_context": _authority(Path(ca_certs))}
    return {"ssl_context": trusted()}


def trusted() -> ssl.SSLContext:
    """Checks certificates as this machine does."""
    import certifi
    import truststore

    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # As pip does: a slim container has no store of its own.
    context.load_verify_locations(certifi.where())
    return context


def _authority(ca_certs: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(ca_certs))
    except ssl.SSLError as error:
        raise ClusterError(
            f"{ca_certs} holds no certificate in PEM form: name the authority's PEM file."
        ) from error
    except OSError as error:
        raise ClusterError(
            f"the certificate file {ca_certs} cannot be read: {error.strerror}."
        ) from error


def _open(url: str, options: dict[str, Any], circumstances: Circumstances) -> Cluster:
    from opensearchpy import OpenSearch

    from cluster.client.answers import CheckedTransport
    from cluster.client.connections import BoundedConnection

    client = OpenSearch(
        transport_class=CheckedTransport, connection_class=BoundedConnection, **options
    )
    with _closed_on_failure(client):
        try:
            capabilities = detect(
                client,
                embedded=circumstances.node is not None,
                serverless=options["hosts"][0]["host"].endswith(SERVERLESS_DOMAIN),
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
