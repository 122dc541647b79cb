"""Addresses of files that lie elsewhere."""

from __future__ import annotations

import re

from tandem.base.process.redact import OF_BUCKETS, parted, without_options

_ADDRESS = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+)://")
HADOOP = ("hdfs", "viewfs")
HTTP = ("http", "https")
SCHEMES = (*OF_BUCKETS, *HADOOP, *HTTP, "hf")


def scheme_of(name: str) -> str | None:
    """The scheme of an address, in lower case; None for a path."""
    match = _ADDRESS.match(name)
    return match[1].lower() if match else None


def named(address: str) -> str:
    """What a file is called that was reached at an address: that, without credentials and options.

    An @ in its path belongs there.
    """
    return without_options(f"{address.partition('://')[0]}://{parted(address)[1]}")
