"""What is kept on this machine for each model: converted forms, and what was measured."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from encoder.errors import EncoderError
from tandem.base.folders import HOMELESS, cache_home, make_enterable

_FULL = (errno.ENOSPC, errno.EDQUOT)


class NotKeptError(EncoderError):
    """What is made for a model once has no room on this machine's disk."""


def cache_folder() -> Path:
    """Where what is kept for models lies; raises EncoderError for a user without a home."""
    if (folder := cache_home()) is None:
        raise EncoderError(HOMELESS)
    return folder / "encoders"


@contextmanager
def told(folder: Path) -> Iterator[None]:
    """Turn what the file system refuses into a NotKeptError."""
    try:
        yield
    except OSError as error:
        first = "free some space, or " if error.errno in _FULL else ""
        raise NotKeptError(
            f"the converted model cannot be kept in {folder} ({error.strerror or error}): {first}"
            "set TANDEM_HOME to a folder that can be written, or use `backend='torch'`, which "
            "keeps nothing."
        ) from error


@contextmanager
def building(target: Path) -> Iterator[Path]:
    """A temporary folder that becomes `target` if all goes well; another process may be quicker."""
    make_enterable(target.parent)
    folder = Path(tempfile.mkdtemp(prefix=f".building-{target.name}-", dir=target.parent))
    try:
        yield folder
        try:
            os.replace(folder, target)
        except OSError:
            if not target.is_dir():
                raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def read_notes(path: Path) -> dict[str, Any]:
    """What was written down, or {} where nothing readable was."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_notes(path: Path, notes: dict[str, Any]) -> None:
    """Replace the notes in one step; raises OSError."""
    make_enterable(path.parent)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(notes, file, indent=1)
    os.replace(name, path)
