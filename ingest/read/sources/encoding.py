"""Text in any encoding, as UTF-8."""

from __future__ import annotations

import codecs
import io

from ingest.errors import SourceError
from ingest.read.sources.streams import DAMAGE, Stream

_CHUNK = 1 << 16


def in_utf_8(stream: Stream, name: str, encoding: str | None) -> Stream:
    """The stream in UTF-8; UTF-16 is told by its first bytes where no encoding is named."""
    named = codecs.lookup(encoding).name if encoding else _found(stream)
    if named in (None, "utf-8"):
        return stream
    return io.BufferedReader(_Recoded(stream, name, named), _CHUNK)


def _found(stream: Stream) -> str | None:
    try:
        start = stream.peek(8)[:8]
    except DAMAGE:  # told when it is read
        return None
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if len(start) < 8:
        return None
    # Latin letters without a byte order mark.
    if not any(start[1::2]):
        return "utf-16-le"
    return None if any(start[::2]) else "utf-16-be"


class _Recoded(io.RawIOBase):
    """Bytes of UTF-8 made of a stream in another encoding."""

    def __init__(self, stream: Stream, name: str, encoding: str) -> None:
        self._stream, self._name, self._encoding = stream, name, encoding
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._left, self._ended = b"", False

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer; raises SourceError where the bytes are none of the encoding."""
        while not self._left and not self._ended:
            data = self._stream.read1(_CHUNK)
            self._ended = not data
            try:
                self._left = self._decoder.decode(data, self._ended).encode()
            except UnicodeError as error:
                raise SourceError(
                    f"{self._name} is not in {self._encoding} ({error}): name another `encoding`."
                ) from error
        count = min(len(buffer), len(self._left))
        buffer[:count], self._left = self._left[:count], self._left[count:]
        return count
