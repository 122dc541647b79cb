"""Where the run of many queries goes: a file that is whole or not there, a pipe, or the screen."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from query.errors import QueryError


def is_screen(run: Path | None) -> bool:
    """Whether a run goes to standard output."""
    return run is None or str(run) == "-"


def is_trec(run: Path | None) -> bool:
    """Whether a run is written in TREC's format, and not as JSONL."""
    return run is None or run.suffix != ".jsonl"


def is_same(run: Path | None, source: str) -> bool:
    """Whether a run would be written over the file of queries that it answers."""
    if run is None or is_screen(run) or source == "-":
        return False
    try:
        return run.samefile(source) and _replaceable(run)
    except OSError:
        return False  # one of them is not there yet


@contextmanager
def opened(run: Path | None) -> Iterator[TextIO]:
    """The file to write a run into, None or "-" for standard output.

    A regular file appears when it is whole, or not at all. A link stays, and what it leads to is
    written; a device or a named pipe is written into and never replaced. Raises QueryError.
    """
    if run is None or is_screen(run):
        yield sys.stdout
        return
    try:
        if _replaceable(run):
            with _whole(Path(os.path.realpath(run))) as file:
                yield file
        else:
            with open(run, "w", encoding="utf-8", newline="\n") as file:
                yield file
    except OSError as error:
        raise QueryError(f"the run {run} cannot be written: {error.strerror}.") from error


def _replaceable(run: Path) -> bool:
    """Whether another file may take its place: only a regular file, or what is not there."""
    try:
        return stat.S_ISREG(run.stat().st_mode)
    except FileNotFoundError:
        return True


@contextmanager
def _whole(run: Path) -> Iterator[TextIO]:
    unfinished = run.with_name(f".{run.name}.{os.getpid()}.tmp")
    with open(unfinished, "x", encoding="utf-8", newline="\n") as file:
        try:
            yield file
            file.flush()
            os.replace(unfinished, run)
        finally:
            unfinished.unlink(missing_ok=True)
