"""Where text leaves for people: what a terminal would obey is written so that it can be seen.

The streams escape it as JSON does; tables, which are laid out before, show a mark for each.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from tandem.base.process.harmless import OBEYED, Harmless

if TYPE_CHECKING:
    from rich.console import Console


class _Stream(Harmless):
    """Standard output or error for text of any origin; `own` is for what we lay out ourselves."""

    own: TextIO


class _Unheard(io.FileIO):
    """Standard error, which takes what nobody can read any more: the work goes on."""

    def write(self, data: Any, /) -> int:
        """Write it, unless the terminal or the reader has gone, or its disk is full."""
        try:
            return super().write(data)
        except OSError:
            return len(data)


@contextmanager
def guarded() -> Iterator[None]:
    """Have everything that is written to standard output and error escaped, whoever writes it.

    A stream that the shell has closed takes everything and keeps nothing; so does standard error
    once nobody reads it.
    """
    _fill_descriptors()
    kept = sys.stdin, sys.stdout, sys.stderr
    with open(os.devnull, "r+", encoding="utf-8") as nothing:
        sys.stdin = sys.stdin or nothing
        sys.stdout = _guarding(sys.stdout, nothing)
        sys.stderr = _guarding(_unheard(sys.stderr), nothing)
        try:
            yield
        finally:
            for stream in (sys.stdout, sys.stderr):
                if isinstance(stream, _Stream):
                    stream.detach()  # flushes, and does not close what it wrote to
            sys.stdin, sys.stdout, sys.stderr = kept


def _fill_descriptors() -> None:
    """Open what the shell has closed: else the next file or socket would get its number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def _unheard(stream: TextIO | None) -> TextIO | None:
    """A stream of the process over the same descriptor; somebody's own, in memory, as it is."""
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    try:
        raw = _Unheard(stream.fileno(), "w", closefd=False)
    except io.UnsupportedOperation:
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(raw), stream.encoding, stream.errors, line_buffering=True
    )


def _guarding(stream: TextIO | None, nothing: TextIO) -> TextIO:
    if stream is None:
        return nothing
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    made = _Stream(stream)
    made.own = stream
    return made


def console(*, stderr: bool = False) -> Console:
    """A rich Console that lays out texts of any origin: no markup is read, nothing is obeyed."""
    from rich.console import Console
    from rich.segment import Segment

    class Marking(Console):
        def render(self, *args: Any, **options: Any) -> Iterator[Segment]:
            for segment in super().render(*args, **options):
                yield segment if segment.control else Segment(_marked(segment.text), segment.style)

    stream = sys.stderr if stderr else sys.stdout
    file = stream.own if isinstance(stream, _Stream) else stream
    return Marking(file=file, markup=False, emoji=False, highlight=False)


def _marked(text: str) -> str:
    return OBEYED.sub("\N{REPLACEMENT CHARACTER}", text)
