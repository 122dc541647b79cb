"""Addresses of files that lie elsewhere, and what of them may be shown."""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+)://")
OF_BUCKETS = ("s3", "gs", "gcs")
HADOOP = ("hdfs", "viewfs")
HTTP = ("http", "https")
SCHEMES = (*OF_BUCKETS, *HADOOP, *HTTP, "hf")
_IN_TEXT = re.compile(r"(\w+://)(?:[^\s/'\"]*@)?([^\s?'\",)]+)(\?[^\s'\",)]*)?")
_HOST = re.compile(r"(\[[^\]]*\]|[^:]*)(:\d*)?")
# No port and no address of IPv6: half of credentials, it may be.
_NO_HOST = re.compile(
    r"(\w+://)(?:\[(?![\da-f:.]+\])[^\s'\"]*"
    r"|((?:\[[\da-f:.]+\]|[^\s/:\[]*):)(?!\d*(?:[^\d\w]|$))[^\s/'\"]*)",
    re.IGNORECASE,
)


def scheme_of(name: str) -> str | None:
    """The scheme of an address, in lower case; None for a path."""
    match = _ADDRESS.match(name)
    return match[1].lower() if match else None


def bare(address: str, *, good: bool = False) -> str:
    """An address without credentials and options; a path as it is.

    good: it was reached, so that an @ in its path belongs there.
    """
    credentials, rest = parted(address)
    if scheme_of(address) is None:
        return address
    if credentials and not good:
        rest = rest.rpartition("@")[2]
    # Elsewhere # is a part of a name.
    shown = re.split("[?#]" if scheme_of(address) in HTTP else "[?]", rest, maxsplit=1)[0]
    return _NO_HOST.sub(r"\1\2***", f"{address.partition('://')[0]}://{shown}")


def parted(address: str) -> tuple[str, str]:
    """(the credentials of an address, what follows them), "" where it has none.

    Of a secret with / in it too, behind which nothing takes it for one.
    """
    rest = address.partition("://")[2]
    place = re.split("[/?#]", rest, maxsplit=1)[0]
    if "@" in place:
        credentials = place.rpartition("@")[0]
    elif ":" in place and (scheme_of(address) in OF_BUCKETS or not _HOST.fullmatch(place)):
        credentials = rest.rpartition("@")[0]
    else:
        return "", rest
    return credentials, rest[len(credentials) :].removeprefix("@")


def bare_text(text: str, address: str) -> str:
    """A text of others, in which addresses may stand, this one among them, without secrets."""
    for secret, shown in ((address, bare(address)), (f"{parted(address)[0]}@", "")):
        text = text.replace(secret, shown) if secret.strip("@") else text
    return _NO_HOST.sub(r"\1\2***", _IN_TEXT.sub(r"\1\2", text))
