"""Options of a client of opensearch-py: address, credentials, TLS, time."""

from __future__ import annotations

from typing import Any
from urllib.parse import SplitResult

from cluster.access.credentials import on_this_machine
from cluster.access.settings import Access
from cluster.access.signing import Signer
from cluster.client.failover import DEAD_SECONDS, NamedFirst

POOL_SIZE = 8
DEFAULT_PORTS = {"http": 9200, "https": 443}


def client_options(access: Access) -> dict[str, Any]:
    """The options of a client, sync or asyncio; raises ClusterError."""
    from cluster.client.serializer import OrjsonSerializer

    options: dict[str, Any] = {
        "hosts": [_host(each, access) for each in access.hosts],
        "timeout": access.timeout,
        # Whoever sends knows what may be sent twice, and retries with backoff.
        "max_retries": 0,
        "selector_class": NamedFirst,
        "dead_timeout": DEAD_SECONDS,
        "pool_maxsize": POOL_SIZE,
        "serializer": OrjsonSerializer(),
        "headers": access.sent(),
    }
    if access.hosts[0].scheme == "https":
        options["ssl_context"] = access.certificates.context()
    return options


def _host(parts: SplitResult, access: Access) -> dict[str, Any]:
    """The client's description of one host."""
    name, who = parts.hostname or "", access.credentials
    compress = not on_this_machine(name) if access.compress is None else access.compress
    host: dict[str, Any] = {
        "host": name,
        "port": parts.port or DEFAULT_PORTS[parts.scheme],
        "use_ssl": parts.scheme == "https",
        "http_compress": compress,
    }
    if parts.path.strip("/"):
        host["url_prefix"] = parts.path.strip("/")
    if proxy := access.proxy_to(parts):
        host["proxy"] = proxy
    if who.aws:
        host["signer"] = Signer(who.aws, who.aws_region, name)
    return host
