"""Whether Tandem's packages, whose names others may take too, are the ones that Python finds."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

# Package -> what its `__init__.py` names, and nobody else's does.
ROOMS = {
    "cluster": b"ClusterError",
    "encoder": b"EncoderError",
    "evaluation": b"EvaluationError",
    "ingest": b"IngestError",
    "mappings": b"MappingError",
    "query": b"QueryError",
}


def fault_of_rooms() -> str | None:
    """Which package is not Tandem's, whose it may be, and the cure; None where all are ours.

    pip lets one distribution write over the files of another and says nothing.
    """
    for room, sign in ROOMS.items():
        place = _place(room, sign)
        if place is not None:
            return (
                f"the package {room!r} that Python finds ({place}) is not that of tandem-search: "
                f"rename it where it is a file of your own; where another distribution brought it"
                f"{_others(room)}, uninstall that one and run `pip install --force-reinstall "
                "--no-deps tandem-search`, or give each an environment of its own."
            )
    return None


def is_command() -> bool:
    """Whether this process is `tandem`, or `python -m tandem`."""
    words = sys.orig_argv
    module = words[words.index("-m") + 1 :][:1] if "-m" in words else []
    return module == ["tandem"] or Path(sys.argv[0]).stem == "tandem"


def _place(room: str, sign: bytes) -> str | None:
    """Where Python finds another package than ours, or None."""
    spec = find_spec(room)
    if spec is None or spec.origin is None:
        return "nowhere" if spec is None else "a folder without __init__.py"
    read = getattr(spec.loader, "get_data", None)
    return None if read and sign in read(spec.origin) else spec.origin


def _others(room: str) -> str:
    from importlib.metadata import packages_distributions

    found = sorted(set(packages_distributions().get(room, ())) - {"tandem-search"})
    return f" ({', '.join(found)})" if found else ""
