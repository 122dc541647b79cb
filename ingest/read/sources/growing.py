"""A file that somebody else goes on writing: its end is waited at, as at that of a pipe."""

from __future__ import annotations

import io
import os
from threading import Event
from typing import cast

POLL_SECONDS = 0.2


class Growing(io.RawIOBase):
    """The bytes of a file without an end, until `stopped` is set.

    Raises OSError where the file is cut or replaced: what comes then is not what was followed.
    """

    def __init__(self, raw: io.FileIO, path: str, stopped: Event) -> None:
        self._raw, self._path, self._stopped = raw, path, stopped

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: object) -> int:
        """Some bytes, once there are any; 0 once it is stopped."""
        while not self._stopped.is_set():
            if count := self._raw.readinto(cast(bytearray, buffer)):
                return count
            now = os.fstat(self._raw.fileno())
            if not os.path.samestat(now, os.stat(self._path)):
                raise OSError("another file took its place while it was followed")
            if now.st_size < self._raw.tell():
                raise OSError("it was cut while it was followed")
            self._stopped.wait(POLL_SECONDS)
        return 0
