"""Lines of text files, packed by gzip or not."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

from evaluation.errors import EvaluationError


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that are not empty, with their numbers from 1; raises EvaluationError."""
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line.rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise EvaluationError(f"{path} is not UTF-8: convert the file.") from error
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise EvaluationError(f"{path} cannot be read: {reason}.") from error
