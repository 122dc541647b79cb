"""Answers that end in time and fit into memory, whoever gives them.

Apart from the client, whose library is not wanted where only the node is asked.
"""

from __future__ import annotations

import io
import time
from http.client import HTTPResponse
from typing import Any

from cluster.errors import UnreachableError

# Ten thousand hits with their texts stay far below.
LARGEST_ANSWER = 500_000_000


def check_size(size: int) -> None:
    """Raise UnreachableError for an answer of more bytes than any has."""
    if size > LARGEST_ANSWER:
        raise UnreachableError(
            f"what answers there gave more than {LARGEST_ANSWER // 1_000_000:,} MB for one request"
        )


class _BoundedReader(io.RawIOBase):
    """Reads a socket until a deadline, and so much and no more."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._deadline = time.monotonic() + sock.gettimeout()
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._read:  # the first has what the socket was given
            if (left := self._deadline - time.monotonic()) <= 0:
                raise TimeoutError("timed out")
            self._sock.settimeout(left)
        count: int = self._raw.readinto(buffer)
        self._read += count
        check_size(self._read)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class BoundedResponse(HTTPResponse):
    """An answer whose head and body together have the time that the socket was given."""

    def __init__(self, sock: Any, *args: Any, **options: Any) -> None:
        super().__init__(_Bounded(sock), *args, **options)  # type: ignore[arg-type]


class _Bounded:  # the part of a socket that a response uses
    def __init__(self, sock: Any) -> None:
        self._sock = sock

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_BoundedReader(self._sock))
