"""Folders of this user, who may have no home, and files that are no files of a folder."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

HOMELESS = (
    "this user has no home folder, and so no place for what Tandem keeps: set TANDEM_HOME to a "
    "folder that can be written, or HOME."
)


# For the reader of a pipe to open it: it may be started right after us.
READER_SECONDS = 5.0


def expanded(name: str | Path) -> Path:
    """A path as a shell reads it; a `~` that leads nowhere stays as it is."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


# Not below /root, which no other user can enter: as root, the node runs as another user.
ROOT_HOME = Path("/var/lib/tandem")
# As platformdirs finds a folder of this user: user_cache_path, user_config_path.
Find = Callable[..., Path]


def is_root() -> bool:
    """Whether this process may do everything; never where there are no such users."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def cache_home() -> Path | None:
    """TANDEM_HOME, or ROOT_HOME for root, or the user's cache folder; None without any."""
    if named := os.environ.get("TANDEM_HOME"):
        return expanded(named).absolute()
    if is_root():
        return ROOT_HOME
    from platformdirs import user_cache_path

    return own_folder(user_cache_path)


def make_enterable(folder: Path) -> None:
    """Make a folder and its parents; as root, such that other users can enter what we made."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(exist_ok=True)
        if is_root():
            each.chmod(0o755)  # whatever the umask


def read_by_somebody(path: str, flags: int) -> int:
    """An opener for writing into a device or a pipe, whose reader is not waited for without end."""
    until = time.monotonic() + READER_SECONDS
    while True:
        try:
            opened = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
        except OSError as error:
            if error.errno != errno.ENXIO or time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            os.set_blocking(opened, True)
            return opened


def why_not(error: OSError) -> str:
    """Why something cannot be read or written, in a few words."""
    if error.errno in (errno.ENXIO, errno.EPIPE):
        return "nobody reads it, so start its reader first"
    return (error.strerror or type(error).__name__).lower()


def said_of(error: OSError) -> str:
    """What the file system says and of which file, in a few words."""
    name = error.filename
    return (
        f"{why_not(error)}: {os.fsdecode(name)}"
        if isinstance(name, str | bytes)
        else why_not(error)
    )


def own_folder(find: Find) -> Path | None:
    """Tandem's folder of this kind; None where the user has no home."""
    try:
        return find("tandem", appauthor=False)
    except RuntimeError:
        return None
