"""Options of a client of opensearch-py: address, credentials, TLS, time."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult

from cluster.credentials import Credentials, on_this_machine
from cluster.errors import ClusterError

POOL_SIZE = 8
# Seconds for one request.
TIMEOUT = 30.0
DEFAULT_PORTS = {"http": 9200, "https": 443}


def host_of(parts: SplitResult) -> dict[str, Any]:
    """The client's description of the host of a URL."""
    host: dict[str, Any] = {
        "host": parts.hostname,
        "port": parts.port or DEFAULT_PORTS[parts.scheme],
        "use_ssl": parts.scheme == "https",
    }
    if parts.path.strip("/"):
        host["url_prefix"] = parts.path.strip("/")
    return host


def client_options(
    host: dict[str, Any],
    credentials: Credentials,
    ca_certs: str | Path | None,
    verify: bool,
    timeout: float,
) -> dict[str, Any]:
    """The options of a client, sync or asyncio, of the one host; raises ClusterError."""
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
        # Not by the client's own options, which silence warnings for the whole process.
        unverified = ssl.create_default_context()
        unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
        return {"ssl_context": unverified}
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
