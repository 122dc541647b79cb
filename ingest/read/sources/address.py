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
# What the host of a path with an @ in it looks like, unlike the beginning of a secret.
_SURE_HOST = re.compile(r"[.\]]|:\d|^localhost$", re.IGNORECASE)
# Options that were written where none can be, by names that tell of what they hold.
_TELLING = re.compile(
    r"(?:[?#;&]|%3[bf]|%23|%26)[\w.-]*(?:secret|token|passw|key|sig|session)[\w.-]*(?:=|%3d).*",
    re.IGNORECASE | re.DOTALL,
)
# Compatible characters count as those that they stand for.
_WIDE = str.maketrans("\uff20\ufe6b\uff1a\ufe55\ufe13", "@@:::")
_NEARLY = re.compile(r"^.*?:.*@", re.DOTALL)
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
    if scheme_of(address) is None:
        return bare_path(address)
    if not good:
        address = address.translate(_WIDE)
    credentials, rest = parted(address)
    if credentials and not good:
        rest = rest.rpartition("@")[2]
    elif not good and (secret := _within_path(address)):
        rest = f"***@{rest.removeprefix(secret)[1:]}"
    # Elsewhere # is a part of a name.
    shown = re.split("[?#]" if scheme_of(address) in HTTP else "[?]", rest, maxsplit=1)[0]
    if not good or scheme_of(address) in HTTP:
        shown = _TELLING.sub("", shown)
    return _NO_HOST.sub(r"\1\2***", f"{address.partition('://')[0]}://{shown}")


def bare_path(path: str) -> str:
    """A path that is none of a file here: it may be an address that was mistyped."""
    return _TELLING.sub("", _NEARLY.sub("***@", path.translate(_WIDE)))


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


def _within_path(address: str) -> str:
    """What stands before an @ behind a /, "" for nothing: a secret with a / in it, it may be.

    It is so read as a bucket or a host and the beginning of a path.
    """
    rest = parted(address)[1]
    before, _, after = rest.partition("?")[0].rpartition("@")
    if (scheme := scheme_of(address)) in OF_BUCKETS:
        return before
    if scheme == "hf":  # an @ stands before a revision there
        return before if after.startswith(("datasets/", "spaces/")) else ""
    return "" if _SURE_HOST.search(before.partition("/")[0]) else before


def bare_text(text: str, address: str) -> str:
    """A text of others, in which addresses may stand, this one among them, without secrets."""
    for secret, shown in ((address, bare(address)), (f"{parted(address)[0]}@", "")):
        text = text.replace(secret, shown) if secret.strip("@") else text
    if scheme_of(address) and (secret := _within_path(address)):
        place, _, path = secret.partition("/")
        for part in filter(None, (secret, path, place)):
            text = re.sub(rf"(?<!\w){re.escape(part)}(?!\w)", "***", text)
    return _NO_HOST.sub(r"\1\2***", _IN_TEXT.sub(r"\1\2", text))
