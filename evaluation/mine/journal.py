"""What a mining has done so far, in its folder: begun again after a kill, it goes on there."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import orjson

from evaluation.errors import EvaluationError
from tandem.base.schema import as_type

# One line a query, with texts and scores: what `train` reads.
MINED = "mined.jsonl"
SETTINGS = "mining.json"
# As MS MARCO's scripts read them; as its triples.train.small.tsv; and as teachers' scores were
# published for MarginMSE (S. Hofstätter et al., 2020): scores of both, then the three ids.
NEGATIVES, TRIPLES, SCORES = "hard-negatives.jsonl", "triples.tsv", "scores.tsv"


class _Passage(msgspec.Struct):
    pid: str
    text: str
    score: float | None
    system: str | None


class _Line(msgspec.Struct):
    """What `Case.line` gives."""

    qid: str
    query: str
    pos: list[_Passage]
    neg: list[_Passage]
    dropped: dict[str, int]
    error: str | None


class Journal:
    """The file of finished queries in a mining's folder; use `open_journal`."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / MINED

    def resume(self, batch: int, total: int) -> int:
        """How many queries are done; what a kill left of a batch is cut off.

        A batch is judged together, so that it is done again whole, with the same result. Raises
        EvaluationError for a batch of none.
        """
        if batch < 1:
            raise EvaluationError(f"batch is {batch} and must be at least 1.")
        ends = [0]
        if self._path.exists():
            with self._path.open("rb") as file:
                ends += [file.tell() for line in iter(file.readline, b"") if line.endswith(b"\n")]
        done = len(ends) - 1
        if done < total:
            done -= done % batch
        with self._path.open("ab") as file:
            file.truncate(ends[done])
        return done

    def add(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Write the lines of a batch, onto the disk."""
        written = b"".join(orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE) for each in lines)
        with self._path.open("ab") as file:
            file.write(written)
            file.flush()
            os.fsync(file.fileno())


@contextmanager
def open_journal(folder: Path, settings: Mapping[str, Any]) -> Iterator[Journal]:
    """The journal of a folder, which is made if need be; only one process at a time has it.

    Raises EvaluationError where the folder is of a mining with other settings, or in use.
    """
    from filelock import FileLock, Timeout

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock", timeout=0):
            _check(folder / SETTINGS, json.loads(json.dumps(settings)))
            yield Journal(folder)
    except Timeout:
        raise EvaluationError(
            f"another process is mining into {folder}: wait for it, or name another folder."
        ) from None
    except OSError as error:
        raise EvaluationError(f"{folder} cannot be written: {error.strerror}.") from error


def _check(path: Path, settings: Mapping[str, Any]) -> None:
    if not path.exists():
        for name in (MINED, NEGATIVES, TRIPLES, SCORES):
            if (path.parent / name).exists():
                raise EvaluationError(
                    f"{path.parent} has a file {name} that no mining made, for there is no "
                    f"{SETTINGS}: name another folder."
                )
        with whole(path) as file:
            file.write(json.dumps(settings, indent=2).encode() + b"\n")
        return
    known = read_settings(path.parent)
    for name in (*settings, *known):
        if known.get(name) != settings.get(name):
            raise EvaluationError(
                f"{path.parent} was begun with {name} {known.get(name)!r} and this is "
                f"{settings.get(name)!r}: name another folder, or mine with the same settings."
            )


def read_settings(folder: Path) -> dict[str, Any]:
    """The settings of the mining in a folder; raises EvaluationError where there is none."""
    try:
        found = json.loads((folder / SETTINGS).read_text("utf-8"))
    except (OSError, ValueError):
        found = None
    if isinstance(found, dict):
        return found
    raise EvaluationError(
        f"{folder} is no folder of mined negatives ({SETTINGS} cannot be read): mine into it first."
    )


def mined_lines(folder: Path) -> Iterator[dict[str, Any]]:
    """The finished queries of a folder, in their order; raises EvaluationError."""
    path = folder / MINED
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                yield _line(line, path, number)
    except OSError as error:
        raise EvaluationError(f"{path} cannot be read: {error.strerror}.") from error


def _line(line: bytes, path: Path, number: int) -> dict[str, Any]:
    try:
        found: dict[str, Any] = orjson.loads(line)
        as_type(found, _Line)
    except orjson.JSONDecodeError as error:
        raise EvaluationError(
            f"{path}:{number} is no JSON ({error}): run the mining again, which ends it."
        ) from error
    except msgspec.ValidationError as error:
        raise EvaluationError(
            f"{path}:{number} is no query that was mined ({str(error).replace('`', '')}): mine "
            "into another folder."
        ) from None
    return found


@contextmanager
def whole(path: Path) -> Iterator[Any]:
    """A file to write bytes into, which appears when it is whole, or not at all."""
    unfinished = path.with_name(f".{path.name}.tmp")
    with unfinished.open("wb") as file:
        yield file
    os.replace(unfinished, path)


def digest(values: object) -> str:
    """What tells one set of queries and judgements from another."""
    return hashlib.sha256(orjson.dumps(values)).hexdigest()[:16]
