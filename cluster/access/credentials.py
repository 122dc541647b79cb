"""Who we are to a cluster, kept where no message, repr or child process shows it."""

from __future__ import annotations

import base64
import ipaddress
import re
import warnings
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from cluster.errors import ClusterError
from tandem.base.arguments import settle
from tandem.base.process.redact import HIDDEN, redacted


class Secret:
    """A password or a key that only `reveal` shows."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return f"Secret({HIDDEN!r})"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def reveal(self) -> str:
        """The text itself: for a header, and nothing else."""
        return self._value


class Unshown(Secret):
    """A value that is no secret, and is not shown either: others may read it on the way."""

    __slots__ = ()


@dataclass(frozen=True)
class Credentials:
    """Who we are: a user with a password, an API key, a bearer token, signatures, or nobody.

    aws: the service of Amazon's for which requests are signed; aws_region: where it is.
    """

    user: str | None = None
    password: Secret | str | None = None
    api_key: Secret | str | None = None
    bearer_token: Secret | str | None = None
    aws: str | None = None
    aws_region: str | None = None

    def __post_init__(self) -> None:
        """Refuse half a pair, two ways at once, and what no header can hold."""
        for name in ("password", "api_key", "bearer_token"):
            settle(self, **{name: secret(getattr(self, name))})
        given = [
            what
            for what, value in (
                ("a user", self.user),
                ("a password", self.password and not self.user),
                ("an API key", self.api_key),
                ("a bearer token", self.bearer_token),
                ("a service whose requests are signed", self.aws),
            )
            if value
        ]
        if len(given) > 1:
            raise ClusterError(f"both {' and '.join(given)} are given: give one of them.")
        if self.user and not self.password:
            raise ClusterError(f"user {self.user!r} has no password: give it in `password`.")
        if self.password and not self.user:
            raise ClusterError("a password is given without a user: name one with `user`.")
        if self.user and ":" in self.user:
            raise ClusterError(
                f"the user {self.user.partition(':')[0]!r} is followed by a colon, which no user's "
                "name can hold: give the name alone, and the password in TANDEM_PASSWORD."
            )
        if self.aws_region and not self.aws:
            raise ClusterError("a region of Amazon's is given without a service: name it in `aws`.")
        _check_token("API key", "api_key", self.api_key)
        _check_token("bearer token", "bearer_token", self.bearer_token)

    def __bool__(self) -> bool:
        return self != Credentials()

    def headers(self) -> dict[str, str]:
        """The header that says who we are; none for nobody and where requests are signed.

        RFC 7617, in UTF-8, and RFC 6750.
        """
        for scheme, token in (("ApiKey", self.api_key), ("Bearer", self.bearer_token)):
            if isinstance(token, Secret):
                return {"authorization": f"{scheme} {token.reveal()}"}
        if self.user and isinstance(self.password, Secret):
            return {"authorization": basic(self.user, self.password.reveal())}
        return {}


def secret(given: str | Secret | None) -> Secret | None:
    """What is given, kept from being shown; nothing for an empty text."""
    if not given:
        return None
    return given if isinstance(given, Secret) else Secret(given)


def basic(user: str, password: str) -> str:
    """The value of a header for a user with a password."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def _check_token(what: str, name: str, token: Secret | str | None) -> None:
    if isinstance(token, Secret) and not re.fullmatch(r"[!-~]+", token.reveal()):
        raise ClusterError(
            f"the {what} holds a blank, a line end or a letter that none has: put it alone, as "
            f"the cluster gave it, into `{name}`."
        )


def split(url: str) -> SplitResult:
    """The parts of a cluster's URL; raises ClusterError, which shows no part that may be secret."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        # Its message shows what stands for the port, which may be the password.
        raise ClusterError(
            f"the URL {redacted(url)!r} has no host that can be, or its port is no number from 0 "
            "to 65535: write it as https://search.example:9200."
        ) from None
    if "@" in (shown := redacted(url)):
        raise ClusterError(
            f"the URL {shown!r} holds credentials, which would show in process lists and "
            "logs: give `user`, and the password in `password`."
        )
    if "," in parts.netloc:
        raise ClusterError(
            f"{shown!r} has a comma in its host: give each URL of several by itself, as a "
            "list in `url`."
        )
    if parts.query or parts.fragment or shown != url:
        raise ClusterError(
            f"{shown!r} has a query, a fragment or options: give only scheme, host, port and path."
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ClusterError(
            f"{shown!r} is no URL of a cluster: write it as https://search.example:9200."
        )
    return parts


def on_this_machine(host: str) -> bool:
    """Whether what is sent to the host never leaves this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def warn_if_plain(parts: SplitResult, what: str | None, cure: str = "use https") -> None:
    """Warn, in Python's own way and so once, where everybody on the way could read a secret.

    what: it is, None where none is sent.
    """
    if what and parts.scheme == "http" and not on_this_machine(parts.hostname or ""):
        warnings.warn(
            f"{what} for {redacted(parts.geturl())} goes over plain http, where everybody on the "
            f"way can read it: {cure}.",
            stacklevel=5,
        )


def warn_if_unverified(parts: SplitResult, verify: bool) -> None:
    """The same where whoever is on the way could answer in the other's name."""
    if parts.scheme == "https" and not verify:
        warnings.warn(
            f"the certificate of {redacted(parts.geturl())} is not verified, so whoever is on the "
            "way can answer in its name and read the credentials: use `ca_certs` with the "
            "authority's PEM file instead of `verify=False`.",
            stacklevel=5,
        )
