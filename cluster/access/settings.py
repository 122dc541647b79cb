"""All that says how a cluster is reached, checked before anything is sent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult

from cluster.access.certificates import Certificates
from cluster.access.credentials import Credentials, Secret, Unshown, secret, split
from cluster.access.proxy import Proxy, proxy_to
from cluster.errors import ClusterError
from tandem.base.arguments import settle, shown

_URL = (
    "give text, as https://search.example:9200, or a client of opensearch-py as connect(client=...)"
)
SERVERLESS_DOMAIN = ".aoss.amazonaws.com"
# Seconds for one request.
TIMEOUT = 30.0
# Seconds. A socket's own limit differs from system to system, and lies above.
LONGEST_TIMEOUT = 86_400.0
# What the client itself writes into each request.
_OURS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "host",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
# Of headers whose values are secrets, though they are given as plain text.
_TELLING = re.compile(
    r"authori[sz]ation|authentication|credential|cookie|session|token|jwt|key|secret|passw"
    r"|(^|-)auth(-|$)"
)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2


@dataclass(frozen=True)
class Access:
    """How a cluster is reached.

    hosts: where it listens, each with the same credentials; proxy: a URL, None for that of the
    environment; headers: sent with each request; compress: None for all but loopback; timeout:
    seconds for one request. Raises ClusterError.
    """

    hosts: tuple[SplitResult, ...] = ()
    credentials: Credentials = field(default_factory=Credentials)
    certificates: Certificates = field(default_factory=Certificates)
    proxy: Secret | str | None = None
    headers: Mapping[str, str | Secret] | None = None
    compress: bool | None = None
    timeout: float = TIMEOUT

    def __post_init__(self) -> None:
        """Refuse what no request could be made of."""
        check_timeout(self.timeout)
        settle(self, proxy=secret(self.proxy), headers=_checked(self.headers, self.credentials))
        if len({host.scheme for host in self.hosts}) > 1:
            raise ClusterError(
                "`url` names both http and https: write them alike, for all get the same "
                "credentials."
            )

    @property
    def url(self) -> str:
        """The hosts as messages name them."""
        return " or ".join(host.geturl().rstrip("/") for host in self.hosts)

    def sent(self) -> dict[str, str]:
        """The headers of each request, with what says who we are."""
        added = {name: secret(value) for name, value in (self.headers or {}).items()}
        shown = {name: value.reveal() for name, value in added.items() if value}
        return {**shown, **self.credentials.headers()}

    @property
    def secret_sent(self) -> str | None:
        """What of each request nobody else may read, as messages name it; None for nothing."""
        if self.credentials.headers():
            return "the password or key"
        for name, value in (self.headers or {}).items():
            if value and (not isinstance(value, Unshown) or telling(name)):
                return f"the header {name!r}"
        return None

    def proxy_to(self, host: SplitResult) -> Proxy | None:
        """The proxy on the way to a host."""
        named = secret(self.proxy)
        return proxy_to(host, named.reveal() if named else None)

    @property
    def proxies(self) -> str:
        """The proxies on the way as messages name them, "" for none."""
        found = map(self.proxy_to, self.hosts)
        return " or ".join(dict.fromkeys(proxy.url for proxy in found if proxy))

    @property
    def serverless(self) -> bool:
        """Whether it is Amazon OpenSearch Serverless, which hides what it is."""
        names = [host.hostname or "" for host in self.hosts]
        return self.credentials.aws == "aoss" or any(
            name.endswith(SERVERLESS_DOMAIN) for name in names
        )


def telling(header: str) -> bool:
    """Whether the name of a header says that its value is a secret."""
    return _TELLING.search(header.lower()) is not None


def hosts_of(url: str | Sequence[str]) -> tuple[SplitResult, ...]:
    """The hosts that are named, each once; raises ClusterError."""
    urls: list[Any] = list(url) if isinstance(url, list | tuple) else [url]
    for each in urls:
        if not isinstance(each, str):
            raise ClusterError(f"the URL is {shown(each)}: {_URL}.")
    if not urls:
        raise ClusterError("`url` is an empty list: name a host, or leave it out.")
    return tuple(dict.fromkeys(split(each) for each in urls))


def check_timeout(timeout: float) -> None:
    """Raise ClusterError for a timeout that no socket takes."""
    if not 0 < timeout <= LONGEST_TIMEOUT:
        raise ClusterError(
            f"the timeout is {timeout} and must be a number of seconds above 0, and at most "
            f"{LONGEST_TIMEOUT:,.0f}."
        )


def _checked(
    headers: Mapping[str, str | Secret] | None, credentials: Credentials
) -> dict[str, Secret]:
    """Header -> its value, which may be a secret and is in no message."""
    checked = {}
    for name, value in (headers or {}).items():
        text = value.reveal() if isinstance(value, Secret) else value
        if not _TOKEN.fullmatch(name):
            # It may be a secret with a colon in it.
            raise ClusterError(
                "`headers` has a name with a blank or a letter that no header's name has: give "
                "names such as X-Tenant."
            )
        if name.lower() in _OURS:
            raise ClusterError(
                f"{name!r} is no header that may be added: give names such as X-Tenant in "
                "`headers`."
            )
        if not text.isprintable() or not text.isascii():
            raise ClusterError(
                f"the value of header {name!r} holds a line end or a letter that no header has: "
                "give it in ASCII."
            )
        if name.lower() == "authorization" and credentials:
            raise ClusterError(
                f"both credentials and a header {name!r} are given: give one of them."
            )
        checked[name.lower()] = value if isinstance(value, Secret) else Unshown(text)
    return checked
