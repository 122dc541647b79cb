"""Streams for text of any origin: what a terminal would obey is written so that it can be seen.

Documents, mappings, servers and models may hold escape sequences, and marks that reorder text. They
are escaped as JSON does it, which changes no value of it.
"""

from __future__ import annotations

import codecs
import io
import re
import sys

# Control characters but tab and line feed, what reorders text, and halves of surrogate pairs.
OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069"
    "\ud800-\udfff]"
)
# What a bar of tqdm writes by itself, to go up to its line.
_UP = re.compile(r"(\x1b\[A)+")


def escaped(text: str) -> str:
    """The text with what a terminal would obey written as JSON writes it."""
    return OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class Harmless(io.TextIOWrapper):
    """A stream over another one's buffer that writes escaped, in the order of both their calls."""

    def __init__(self, stream: io.TextIOWrapper) -> None:
        stream.reconfigure(write_through=True)
        # Of one for ASCII click would take the buffer, and write past us: in UTF-8, as we do then.
        ascii_alone = codecs.lookup(stream.encoding).name == "ascii"
        super().__init__(
            stream.buffer,
            encoding="utf-8" if ascii_alone else stream.encoding,
            errors="backslashreplace",
            line_buffering=stream.line_buffering,
            write_through=True,
        )

    def write(self, text: str) -> int:
        """Write it escaped."""
        super().write(escaped(text))
        return len(text)


class _WithBars(Harmless):
    """Also draws bars, each of which begins with a carriage return or goes up to its line."""

    def write(self, text: str) -> int:
        """Write it escaped, but for how a bar begins."""
        if not _UP.fullmatch(text):
            start, rest = ("\r", text[1:]) if text.startswith("\r") else ("", text)
            text = start + escaped(rest)
        io.TextIOWrapper.write(self, text)
        return len(text)


def guard_child() -> None:
    """In a process of ours that has our standard error: guard what its libraries print there."""
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr = _WithBars(sys.stderr)
