"""What it means that a connection failed, by what the libraries and the system say of it."""

from __future__ import annotations

import re

from tandem.base.errors import EXPIRED, OTHER_NAME, UNTRUSTED, own_authority

# What the text of a failed connection says -> the sentence, most telling first.
_SIGNS_OF_PROXY: tuple[tuple[str, str], ...] = (
    (
        r"407",
        "the proxy {proxy} wants to know who you are, or does not accept it: correct user and "
        "password in `proxy`.",
    ),
    (
        r"Tunnel connection failed|ClientHttpProxyError",
        "the proxy {proxy} does not connect to {url}: have it allowed there, correct `proxy`, or "
        "put the host into NO_PROXY.",
    ),
    (
        r"ProxyError|ProxyConnectionError",
        "the proxy {proxy} cannot be reached: correct `proxy`, or HTTPS_PROXY or HTTP_PROXY in the "
        "environment, or put the cluster's host into NO_PROXY.",
    ),
)
# Which of them says so of https, where a server that wants a certificate may just hang up.
_CLOSED = (
    "{url} closed the connection without an answer: it may want a certificate of yours in "
    "`client_cert`, or not take the one that it got, else look at the cluster's log."
)
_SIGNS: tuple[tuple[str, str], ...] = (
    (
        r"CERTIFICATE_REQUIRED|certificate required",
        "{url} wants a certificate of yours: name its PEM file with `client_cert`.",
    ),
    (
        r"HANDSHAKE_FAILURE",
        "{url} refuses the TLS handshake: it may want a certificate of yours, so name its PEM file "
        "with `client_cert`, else look at which versions of TLS it takes.",
    ),
    (
        r"ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_\w+|ACCESS_DENIED|UNSUPPORTED_CERTIFICATE)",
        "{url} does not accept your certificate: name another with `client_cert`, or have its "
        "authority trusted there.",
    ),
    (
        r"WRONG_VERSION_NUMBER|record layer failure|UNEXPECTED_MESSAGE|http request",
        "{url} speaks plain http, not TLS: write http:// in `url`.",
    ),
    (
        OTHER_NAME,
        "the certificate of {url} is for another host name: "
        "use the name that it was issued for in `url`.",
    ),
    (
        EXPIRED,
        "the certificate of {url} has expired: renew it on the cluster.",
    ),
    (
        UNTRUSTED,
        "the certificate of {url} is signed by an authority that this machine does not trust: "
        "{own_authority}.",
    ),
    (
        r"timed out|[Tt]imeout",
        "{url} did not answer in time: look at the cluster's load, "
        "or allow more seconds with `timeout`.",
    ),
    (
        r"Name or service not known|nodename nor servname|getaddrinfo|name resolution"
        r"|No address associated",
        "the host name of {url} is not known: check `url`, and the network's name service.",
    ),
    (
        r"[Cc]onnection refused|Connect call failed|Errno 111",
        "nothing listens at {url}: start the cluster, or check host and port of `url`.",
    ),
    (
        r"Network is unreachable|No route to host",
        "the network has no way to {url}: check the network, a VPN for instance, and `url`.",
    ),
    (
        r"RemoteDisconnected|Connection aborted|reset by peer|BadStatusLine|Server disconnected"
        r"|EOF occurred",
        "{url} closed the connection without an answer: if it expects TLS, write https:// "
        "in `url`, else look at the cluster's log.",
    ),
)


def sentence_of(said: str, url: str, proxy: str) -> str | None:
    """The sentence for a failed connection, None where what was said tells nothing.

    url: of the hosts; proxy: of what is on the way, "" for none.
    """
    for pattern, sentence in (*(_SIGNS_OF_PROXY if proxy else ()), *_SIGNS):
        if re.search(pattern, said):
            hung_up = sentence is _SIGNS[-1][1] and url.startswith("https:")
            told = {"url": url, "proxy": proxy, "own_authority": own_authority("with `ca_certs`")}
            return (_CLOSED if hung_up else sentence).format_map(told)
    return None


def of_proxy(proxy: str) -> str:
    """The sentence for a proxy that wants to know who we are (HTTP 407)."""
    return _SIGNS_OF_PROXY[0][1].format(proxy=proxy)
