"""Where a training keeps what it needs to go on: beside the model's folder, until it is done."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evaluation.errors import EvaluationError

# In the finished folder: settings and figures, for the same command that is given once more.
RECORD = "training.json"
_SETTINGS, _LOCK = "settings.json", ".lock"
# What the trainer writes last into a checkpoint, so that it is whole where this is there.
_LAST = "trainer_state.json"


class Workplace:
    """The folder beside the one that a model will have; use `open_workplace`."""

    def __init__(self, folder: Path, target: Path) -> None:
        self.checkpoints = folder / "checkpoints"
        self.model = folder / "model"
        self._folder, self._target = folder, target

    def checkpoint(self) -> str | None:
        """The last checkpoint that is whole; one that a kill broke off is taken away."""
        whole = {}
        for each in self.checkpoints.glob("checkpoint-*"):
            if (each / _LAST).exists():
                whole[int(each.name.rpartition("-")[2])] = str(each)
            else:
                shutil.rmtree(each)
        return whole[max(whole)] if whole else None

    def finish(self, record: Mapping[str, Any]) -> None:
        """Put the model into its place, whole, and take away what training needed."""
        (self.model / RECORD).write_text(json.dumps(record, indent=2) + "\n", "utf-8")
        os.replace(self.model, self._target)
        shutil.rmtree(self._folder)


@contextmanager
def open_workplace(target: Path, settings: Mapping[str, Any]) -> Iterator[Workplace]:
    """The workplace for a model's folder; only one process at a time has it.

    Raises EvaluationError where it is of a training with other settings, or in use.
    """
    from filelock import FileLock, Timeout

    folder = target.with_name(f"{target.name}.training")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / _LOCK, timeout=0):
            _check(folder, settings)
            yield Workplace(folder, target)
    except Timeout:
        raise EvaluationError(
            f"another process is training {target}: wait for it, or name another folder."
        ) from None
    except OSError as error:
        raise EvaluationError(f"{folder} cannot be written: {error.strerror}.") from error


def _check(folder: Path, settings: Mapping[str, Any]) -> None:
    """Go on only where nothing is but what a training left: all of it is deleted in the end."""
    if any(each.name != _LOCK for each in folder.iterdir()):
        compare(_read(folder / _SETTINGS), settings, folder)
    else:
        (folder / _SETTINGS).write_text(json.dumps(settings), "utf-8")


def _read(path: Path) -> dict[str, Any]:
    """What a training noted; raises EvaluationError where the folder is something else."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        found = error
    if isinstance(found, dict):
        return found
    raise EvaluationError(
        f"{path.parent} is there already, and no training's: name another folder for the model."
    )


def finished(target: Path, settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """The record of a training that is done, None where the folder is not there.

    Raises EvaluationError for a folder that another training filled, or something else.
    """
    if not target.exists():
        return None
    record = _read(target / RECORD)
    compare(record.get("settings"), settings, target)
    return record


def compare(known: Any, settings: Mapping[str, Any], folder: Path) -> None:
    """Raise EvaluationError for the first setting that differs."""
    known = known if isinstance(known, dict) else {}
    for name in (*settings, *known):
        if known.get(name) != settings.get(name):
            raise EvaluationError(
                f"{folder} is of a training with {name} {known.get(name)!r}, and this is "
                f"{settings.get(name)!r}: name another folder, or train with the same settings."
            )
