"""The bytes of a source: decompressed, and cut into lines of bounded length.

Compression is told by the first bytes, never by the name.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from ingest.errors import SourceError
from tandem.base.errors import one_line


class Stream(Protocol):
    """What readers need of a stream of bytes; all decompressors have it."""

    def readline(self, size: int = -1, /) -> bytes:
        """The next line, or at most `size` bytes of it."""

    def read(self, size: int = -1, /) -> bytes:
        """`size` of the next bytes, fewer only at the end."""

    def read1(self, size: int = -1, /) -> bytes:
        """At most `size` of the next bytes, as soon as there are any; none at the end."""

    def peek(self, size: int, /) -> bytes:
        """Some of the next bytes, which stay to be read."""


def decompressed(buffer: io.BufferedReader, name: str) -> Stream:
    """Wrap the stream in the decompressor that its first bytes ask for."""
    start = buffer.peek(8)[:8]
    # Not one more buffer around these: filling it, it would lose what stands before the damage.
    if start.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=buffer)
    if start.startswith(b"BZh"):
        return bz2.BZ2File(buffer)
    if start.startswith(b"\xfd7zXZ\x00"):
        return lzma.LZMAFile(buffer)
    if start.startswith(b"\x28\xb5\x2f\xfd"):
        import pyarrow

        stream = pyarrow.CompressedInputStream(pyarrow.PythonFile(buffer, mode="r"), "zstd")
        return io.BufferedReader(stream, 1 << 16)
    return buffer


# What the five decompressors raise for a stream that is damaged or cut short.
DAMAGE = (EOFError, OSError, zlib.error, lzma.LZMAError)


class Line(NamedTuple):
    """One line of a file, from 1, with its line end; `rest` bytes of a too long one are left out.

    At most the allowed number of bytes is kept, whatever the file holds. A tuple, for that is made
    in half the time.
    """

    number: int
    data: bytes
    rest: int = 0


def bounded_lines(stream: Stream, name: str, most: int) -> Iterator[Line]:
    """The lines of a stream, without a byte order mark, none longer than `most` bytes in memory.

    Raises SourceError where the stream is damaged, naming the line.
    """
    number = 0
    try:
        while data := stream.readline(most + 1):
            number += 1
            if number == 1:
                data = data.removeprefix(b"\xef\xbb\xbf")
            rest = 0
            if len(data) > most and not data.endswith(b"\n"):
                while more := stream.readline(1 << 20):
                    rest += len(more)
                    if more.endswith(b"\n"):
                        break
            yield Line(number, data, rest)
    except DAMAGE as error:
        raise damaged(name, number, error) from error


def damaged(name: str, line: int, error: Exception) -> SourceError:
    """The sentence for a source that cannot be read on after a line."""
    return SourceError(
        f"{name} is damaged or cut short after line {line} ({one_line(error)}): fetch or write it "
        "again, and run the same command; what was stored is kept."
    )
