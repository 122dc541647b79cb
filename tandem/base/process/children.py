"""The environment of the processes that we start: nothing of ours, secrets included."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

# In the names of variables that hold secrets, or a URL that may have one in it.
_SECRET = re.compile(r"PASS(WOR)?D|SECRET|TOKEN(?!IZ)|CREDENTIAL|KEY|COOKIE|HEADER|PROXY|URL", re.I)
_hiding = Lock()


def environment(*kept: str, **variables: str) -> dict[str, str]:
    """What a process of ours sees: where programs are, and `variables`.

    kept: names of variables of ours that it needs too, where they are set.
    """
    needed = {name: os.environ[name] for name in kept if name in os.environ}
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", **needed, **variables}


@contextmanager
def without_secrets(prefix: str = "") -> Iterator[None]:
    """For a moment this process has no variable that may hold a secret.

    For multiprocessing and Ray, which give the processes that they start all that we have: devices
    are chosen by variables that nobody can list. prefix: of the names that are meant.
    """
    with _hiding:
        hidden = {
            name: value
            for name, value in os.environ.items()
            if name.startswith(prefix) and _SECRET.search(name)
        }
        for name in hidden:
            del os.environ[name]
        try:
            yield
        finally:
            for name, value in hidden.items():
                os.environ.setdefault(name, value)
