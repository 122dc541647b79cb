"""The environment of the processes that we start: nothing of ours, secrets included."""

from __future__ import annotations

import os


def environment(*kept: str, **variables: str) -> dict[str, str]:
    """What a process of ours sees: where programs are, and `variables`.

    kept: names of variables of ours that it needs too, where they are set.
    """
    needed = {name: os.environ[name] for name in kept if name in os.environ}
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", **needed, **variables}
