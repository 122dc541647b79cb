"""Where the embedded node keeps its files, and the user that it runs as."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from cluster.errors import NodeError
from tandem.base.folders import HOMELESS, ROOT_HOME, cache_home, make_enterable

UNPRIVILEGED = "nobody"
# The file that marks a folder as Tandem's own.
MARK = ".tandem"
_MARKED = "Tandem made this folder, and deletes what is in it by itself.\n"


@dataclass(frozen=True)
class Home:
    """The folder of everything that Tandem fetches and runs on this machine."""

    path: Path

    @property
    def downloads(self) -> Path:
        """Verified artifacts, as they came."""
        return self.path / "downloads"

    @property
    def distributions(self) -> Path:
        """Unpacked servers and Javas, complete or absent."""
        return self.path / "distributions"

    @property
    def node(self) -> Path:
        """State, data, logs and configuration of the node."""
        return self.path / "node"


def default_home() -> Home:
    """The folder that holds all that is kept; raises NodeError for a user without a home."""
    if (folder := cache_home()) is None:
        raise NodeError(HOMELESS)
    return Home(folder)


class RunAs(TypedDict, total=False):
    """Keywords of subprocess.run that switch the user; empty where we already are that user."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class NodeUser:
    """The user that the node runs as."""

    name: str
    uid: int
    gid: int

    def run_as(self) -> RunAs:
        """Keywords for subprocess that make a child this user."""
        if os.geteuid() == self.uid:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Make this user the owner of a file or folder and of all that is in it."""
        if os.geteuid() == self.uid:
            return
        for each in (path, *path.rglob("*")):
            os.chown(each, self.uid, self.gid, follow_symlinks=False)


def node_user() -> NodeUser:
    """Ourselves, or `nobody` where we are root, because OpenSearch refuses to run as root."""
    import pwd

    if os.geteuid() != 0:
        return NodeUser(str(os.geteuid()), os.geteuid(), os.getegid())
    try:
        entry = pwd.getpwnam(UNPRIVILEGED)
    except KeyError as error:
        raise NodeError(
            f"OpenSearch refuses to run as root and this machine has no user {UNPRIVILEGED!r} to "
            "run it as: add one, or run tandem as an ordinary user."
        ) from error
    return NodeUser(entry.pw_name, entry.pw_uid, entry.pw_gid)


def claim(folder: Path) -> None:
    """Make a folder and mark it as Tandem's own, below which it may change and delete everything.

    Only one that was not there, is empty, or has the configuration that Tandem wrote for a node
    before there were marks. Raises NodeError for a folder with files of others, and OSError.
    """
    make_enterable(folder)
    mark = folder / MARK
    if mark.exists():
        return
    others = sorted(each.name for each in folder.iterdir() if each.name not in (MARK, "lock"))
    if others and not _configured(folder):
        raise NodeError(
            f"the folder {folder} holds files that Tandem did not put there ({others[0]}), and the "
            "embedded node would change and delete what is below it: set TANDEM_HOME to another "
            "folder."
        )
    mark.write_text(_MARKED, "utf-8")


def check_unlinked(folder: Path) -> None:
    """Raise NodeError where something directly in a marked folder stands elsewhere, by a link.

    What a link leads to has no mark, whoever made the link.
    """
    if link := next((each for each in sorted(folder.iterdir()) if each.is_symlink()), None):
        raise NodeError(
            f"{link} is a link to {os.readlink(link)}, and the embedded node would change and "
            "delete what is there: put a folder in its place, or set TANDEM_HOME to a folder where "
            "the whole node has room."
        )


def _configured(folder: Path) -> bool:
    try:
        text = (folder / "config" / "opensearch.yml").read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return text.startswith('cluster.name: "tandem"')


def check_enterable(path: Path, user: NodeUser) -> None:
    """Raise NodeError naming the first folder on the way to `path` that `user` cannot enter."""
    for folder in _from_the_top(path):
        if not folder.exists():
            return
        info = folder.stat()
        if info.st_uid == user.uid:
            needed = 0o100
        elif info.st_gid == user.gid:
            needed = 0o010
        else:
            needed = 0o001
        if not info.st_mode & needed:
            raise NodeError(
                f"the embedded node runs as user {user.name}, who cannot enter {folder} on the way "
                f"to {path}: set TANDEM_HOME to a folder that every user can enter, such as "
                f"{ROOT_HOME}."
            )


def _from_the_top(path: Path) -> Iterator[Path]:
    resolved = path.resolve()
    yield from reversed(resolved.parents)
    yield resolved
