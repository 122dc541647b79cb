"""Folders of this user, who may have no home: neither HOME nor an entry among the users."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

HOMELESS = (
    "this user has no home folder, and so no place for what Tandem keeps: set TANDEM_HOME to a "
    "folder that can be written, or HOME."
)


def expanded(name: str | Path) -> Path:
    """A path as a shell reads it; a `~` that leads nowhere stays as it is."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


# As platformdirs finds a folder of this user: user_cache_path, user_config_path.
Find = Callable[..., Path]


def cache_home(find: Find) -> Path | None:
    """TANDEM_HOME, or the folder of this user that `find` gives; None where there is neither."""
    if named := os.environ.get("TANDEM_HOME"):
        return expanded(named).absolute()
    return own_folder(find)


def own_folder(find: Find) -> Path | None:
    """Tandem's folder of this kind; None where the user has no home."""
    try:
        return find("tandem", appauthor=False)
    except RuntimeError:
        return None
