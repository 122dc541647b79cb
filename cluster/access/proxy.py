"""The proxy on the way to a cluster: named, or of the environment."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from cluster.access.credentials import Secret, basic, on_this_machine
from cluster.errors import ClusterError
from tandem.base.process.redact import redacted

# A name, or an address of IPv6, which may end in the name of its network.
_HOST = re.compile(r"[\w.-]+|[\da-f:.]+(?:%[\w.-]+)?")

# What is said of its password, which goes to it by plain http alone.
PASSWORD = "the proxy's password"
CURE = "use a proxy on this machine or one that asks for none"


@dataclass(frozen=True)
class Proxy:
    """An HTTP proxy: its URL without credentials, and those for its own header."""

    url: str
    authorization: Secret | None = None

    def headers(self) -> dict[str, str]:
        """What the proxy is told; never the cluster."""
        said = self.authorization
        return {"proxy-authorization": said.reveal()} if said else {}


def proxy_to(cluster: SplitResult, given: str | None) -> Proxy | None:
    """The proxy that is named, else that of HTTPS_PROXY, HTTP_PROXY or ALL_PROXY and the system.

    The environment's is not used for loopback, nor for a host of NO_PROXY. Raises ClusterError for
    what is no URL of an HTTP proxy, which shows none of its credentials.
    """
    if given:
        return _proxy(given, "`proxy`")
    host = cluster.hostname or ""
    known = getproxies()
    name = next((n for n in (cluster.scheme, "all") if known.get(n)), None)
    if name is None or on_this_machine(host) or proxy_bypass(host):
        return None
    return _proxy(known[name], f"{name.upper()}_PROXY in the environment")


def _proxy(url: str, where: str) -> Proxy:
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host, port = parts.hostname, parts.port or 80
        # What stands behind it may be the rest of a password.
        alone = not (parts.path.strip("/") or parts.query or parts.fragment)
    except ValueError:
        host = None
    if not host or parts.scheme != "http" or not _HOST.fullmatch(host) or not alone:
        raise ClusterError(
            f"the proxy {redacted(url)!r} is no URL of an HTTP proxy: write it as "
            f"http://proxy.example:3128 in {where}."
        )
    place = f"[{host}]" if ":" in host else host
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Proxy(f"http://{place}:{port}", Secret(basic(user, password)) if user else None)
