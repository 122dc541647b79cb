"""Read the end of the node's log, and the line in it that matters."""

from __future__ import annotations

import os
import re
from pathlib import Path

TAIL_BYTES = 256_000
_TELLING = re.compile(
    r"fatal error|OutOfMemoryError|\[ERROR\]|\[FATAL\]|Exception|Error:|^ERROR|SIG[A-Z]{3,}"
)
_FRAME = re.compile(r"^\s+(at |\.\.\. \d+ more)")
_STAMP = re.compile(r"^\[\d{4}-[^\]]*\]\s*")


def tail(log: Path, lines: int) -> list[str]:
    """The last lines that are not blank and no stack frames; none where there is no log."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    kept = [line.rstrip() for line in text.splitlines() if line.strip() and not _FRAME.match(line)]
    return kept[-lines:]


def last_relevant(log: Path) -> str:
    """The last line that names an error, else the last line at all, without its time stamp."""
    lines = tail(log, 400)
    telling = [line for line in lines if _TELLING.search(line)]
    line = (telling or lines or ["nothing"])[-1]
    return _STAMP.sub("", line)[:300]
