"""The bytes of a remote file, read on from where a connection was dropped."""

from __future__ import annotations

import io
import time
from contextlib import suppress
from threading import Event
from typing import Any

from ingest.errors import SourceError
from ingest.read.sources.remote import RemoteFile, lasts, reaching, said_by
from tandem.base.process.pace import Pace, TooSlowError, within

# So long a file is asked for again without getting a byte of it, or enough to call it a download.
MAX_OUTAGE = 120.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 8.0
# Of one request: little where somebody only looks, more as they read on.
_FIRST_BYTES, _MOST_BYTES = 1 << 18, 1 << 23


class Resumed(io.RawIOBase):
    """A remote file that can be read anywhere; what may pass is retried with backoff.

    Raises SourceError where it does not pass, or where the file is another one by then.
    """

    def __init__(self, file: RemoteFile, stopping: Event) -> None:
        self._file, self._stopping = file, stopping
        self._handle: Any = None
        self._handle_at = 0
        self._at = 0
        self._left = memoryview(b"")
        self._step = _FIRST_BYTES
        self._pace = Pace()

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is where its size is known."""
        return self._file.size is not None

    def tell(self) -> int:
        """How many bytes were handed on, or where the next one is read."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a byte."""
        if self._file.size is None:
            raise io.UnsupportedOperation(f"{self._file.name} does not tell its size")
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._file.size}[whence]
        at = start + offset
        skipped = at - self._at
        kept = 0 <= skipped <= len(self._left)
        self._left = self._left[skipped:] if kept else memoryview(b"")
        self._step = self._step if kept else _FIRST_BYTES
        self._at = at
        return at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Some bytes; 0 at the end."""
        if not self._left:
            self._left = memoryview(self._fetched(max(self._step, len(buffer))))
            self._step = min(2 * self._step, _MOST_BYTES)
        count = min(len(buffer), len(self._left))
        buffer[:count], self._left = self._left[:count], self._left[count:]
        self._at += count
        return count

    def close(self) -> None:
        """Let go of the connection."""
        self._drop()
        super().close()

    def _fetched(self, most: int) -> bytes:
        """The next bytes, at most so many; none at the end of the file."""
        size = self._file.size
        if size is not None and self._at >= size:
            return b""
        started, pause = time.monotonic(), _FIRST_PAUSE
        while True:
            why = "it ended early"
            try:
                data = self._read(most)
                if data or size is None:
                    self._handle_at += len(data)
                    return bytes(data)
            except SourceError:
                raise
            except Exception as error:  # each system has its own
                if lasts(error):
                    with reaching(self._file.name, self._file.path):
                        raise
                why = said_by(error, self._file.path)
                if isinstance(error, TooSlowError):
                    started = self._pace.slow_since or started
            self._drop()
            if time.monotonic() - started + pause > MAX_OUTAGE or self._stopping.is_set():
                raise SourceError(
                    f"{self._file.name} cannot be read on after byte {self._at:,} ({why}; asked "
                    f"for again for {MAX_OUTAGE:.0f} seconds): run the same command again later; "
                    "what was stored is kept."
                )
            self._stopping.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _read(self, most: int) -> bytes:
        """At most so many bytes; raises TimeoutError where they come too slowly."""
        handle = self._opened()
        if self._file.streams:
            return bytes(self._pace.of(lambda: handle.read(most)))
        try:
            return bytes(within(lambda: handle.read(most), most))
        except TimeoutError:
            self._handle = None  # which somebody reads still: it is not to be closed
            raise

    def _opened(self) -> Any:
        """The file at the next byte; raises SourceError where it changed since it was found."""
        if self._handle is None:
            if self._at and self._file.version_now() != self._file.version:
                raise SourceError(
                    f"{self._file.name} was changed while it was read, after byte {self._at:,}: "
                    "run the same command again; what was stored is kept."
                )
            self._handle = self._file.open(self._at, self._pace)
        elif self._handle_at != self._at and self._file.streams:
            self._drop()
            self._handle = self._file.open(self._at, self._pace)
        elif self._handle_at != self._at:
            self._handle.seek(self._at)
        self._handle_at = self._at
        return self._handle

    def _drop(self) -> None:
        with suppress(Exception):  # it may be what broke
            if self._handle is not None:
                self._handle.close()
        self._handle = None
