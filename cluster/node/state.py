"""What is remembered of the node that was started last, in one file."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cluster.node.process import Identity


@dataclass(frozen=True)
class NodeState:
    """A node that runs."""

    pid: int
    url: str
    version: str


@dataclass(frozen=True)
class Record:
    """The node that was started last; running: None until it has answered."""

    identity: Identity
    running: NodeState | None = None


def read(path: Path) -> Record | None:
    """The record, or None where there is none or the file is damaged."""
    try:
        kept = json.loads(path.read_text("utf-8"))
        identity = Identity(**_typed(kept, uid=int, token=str, program=str))
        running = None
        if "pid" in kept:
            running = NodeState(**_typed(kept, pid=int, url=str, version=str))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return Record(identity, running)


def stamp(path: Path) -> tuple[int, ...] | None:
    """What differs as soon as the file is another one, None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _typed(kept: dict[str, Any], **types: type) -> dict[str, Any]:
    for name, wanted in types.items():
        if type(kept[name]) is not wanted:
            raise TypeError(name)
    return {name: kept[name] for name in types}


def remember(path: Path, record: Record) -> None:
    """Write the record."""
    running = asdict(record.running) if record.running else {}
    replace(path, json.dumps(asdict(record.identity) | running))


def replace(path: Path, text: str) -> None:
    """Replace a file in one step, so that no reader ever sees half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}")
    temporary.write_text(text, "utf-8")
    os.replace(temporary, path)
