"""How requests get to a host, whichever client sends them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import urllib3

from cluster.access.proxy import Proxy
from cluster.access.signing import Signer


@dataclass(frozen=True)
class Route:
    """How requests get to a host: through a proxy, signed, with so many seconds to connect."""

    proxy: Proxy | None
    signer: Signer | None
    connect_timeout: float | None

    @classmethod
    def of(cls, options: dict[str, Any]) -> Route:
        """What stands among the options of a connection."""
        return cls(*(options.get(each.name) for each in fields(cls)))

    def signed(
        self, method: str, base: str, path: str, body: Any, headers: Mapping[str, str]
    ) -> tuple[str, Mapping[str, str]]:
        """(path with query, headers), as they are to be sent."""
        if self.signer is None:
            return path, headers
        url, headers = self.signer.signed(method, f"{base}{path}", body, headers)
        return url.removeprefix(base), headers

    def through_proxy(self, pool: Any) -> Any:
        """A pool of urllib3 whose connections are made by the proxy."""
        if self.proxy is None:
            return pool
        kept = {"ssl_context": pool.conn_kw["ssl_context"]} if "ssl_context" in pool.conn_kw else {}
        manager = urllib3.ProxyManager(
            self.proxy.url,
            proxy_headers=self.proxy.headers(),
            maxsize=pool.pool.maxsize,
            **kept,
        )
        return manager.connection_from_host(pool.host, pool.port, pool.scheme)

    def by_proxy(self, base: str, headers: Mapping[str, str]) -> dict[str, Any]:
        """The same for a request of aiohttp, whose headers go into it."""
        if self.proxy is None:
            return {"headers": headers}
        told = self.proxy.headers()
        if base.startswith("https:"):  # what the proxy is told stays outside of the tunnel
            return {"headers": headers, "proxy": self.proxy.url, "proxy_headers": told}
        return {"headers": {**headers, **told}, "proxy": self.proxy.url}
