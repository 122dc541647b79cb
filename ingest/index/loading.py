"""An index while it is loaded into: relaxed settings, and a note of who loads."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cluster.errors import ClusterError
from mappings import (
    LOADING,
    Fields,
)

if TYPE_CHECKING:
    from cluster import Cluster

RELAXED = {"refresh_interval": "-1", "number_of_replicas": 0}

BEAT_SECONDS = 30.0
# A run that was silent for so long is dead. Clocks of two machines may differ by less.
SILENT_SECONDS = 120.0

# The settings to put back and who is loading, kept in the index so that a killed run loses none.
Note = dict[str, Any]


def mark() -> Note:
    """The process that runs this, now."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "at": int(time.time())}


def busy(note: Mapping[str, Any]) -> str | None:
    """Who else is loading, in words, or None where nobody is."""
    owner = note.get("owner")
    if not owner:
        return None
    age = time.time() - owner["at"]
    here = owner["host"] == socket.gethostname()
    if age > SILENT_SECONDS or (here and not _lives(owner["pid"])):
        return None
    return f"process {owner['pid']} on {owner['host']}, last heard of {max(0, age):.0f} seconds ago"


def _lives(pid: int) -> bool:
    """Whether a process of this machine is there, other than this one."""
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def change_note(cluster: Cluster, index: str, change: Callable[[Note], Note | None]) -> None:
    """Put another note about the load into an index, or none; raises ClusterError.

    An index without a note is left as it is.
    """
    with cluster.explaining():
        mapping = cluster.client.indices.get_mapping(index=index)[index]["mappings"]
        meta = dict(mapping.get("_meta", {}))
        if (note := meta.pop(LOADING, None)) is None:
            return
        if (changed := change(note)) is not None:
            meta[LOADING] = changed
        cluster.client.indices.put_mapping(index=index, body={"_meta": meta})


class Heartbeat:
    """Says every half minute, in a thread of its own, that this process still loads an index."""

    def __init__(self, cluster: Cluster, index: str) -> None:
        self._cluster, self._index = cluster, index
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    def _beat(self) -> None:
        while not self._stopped.wait(BEAT_SECONDS):
            # An outage is dealt with where documents are written.
            with suppress(ClusterError):
                change_note(self._cluster, self._index, lambda note: {**note, "owner": mark()})

    def stop(self) -> None:
        """No more of it, and no beat is on its way."""
        self._stopped.set()
        self._thread.join()


def release(cluster: Cluster, index: str) -> None:
    """Whoever comes next may go on with this index; raises ClusterError."""
    change_note(cluster, index, lambda note: {**note, "owner": None})


@dataclass(frozen=True)
class OpenIndex:
    """An index that is ready to take passages.

    name: the concrete index, never an alias; uuid: of this index and no later one of that name;
    created: by this run; journal: the settings to restore at the end, None where nothing was
    relaxed.
    """

    name: str
    uuid: str
    fields: Fields
    created: bool
    journal: dict[str, Any] | None
    warnings: tuple[str, ...] = ()


def relax_settings(
    cluster: Cluster, name: str, description: dict[str, Any], owner: dict[str, Any] | None
) -> dict[str, Any]:
    """Relax an index's settings for a load, and note what they were; raises ClusterError."""
    settings = description["settings"]["index"]
    journal: dict[str, Any] = description["mappings"].get("_meta", {}).get(LOADING) or {
        "refresh_interval": settings.get("refresh_interval"),
        "number_of_replicas": int(settings["number_of_replicas"]),
        "alias": None,
    }
    journal = {**journal, "owner": owner}
    meta = {**description["mappings"].get("_meta", {}), LOADING: journal}
    with cluster.explaining():
        # The note comes first: settings that nobody knows to restore would stay.
        cluster.client.indices.put_mapping(index=name, body={"_meta": meta})
        cluster.client.indices.put_settings(index=name, body={"index": RELAXED})
    return journal


def restore(cluster: Cluster, index: OpenIndex) -> None:
    """Put back the settings that were relaxed for the load; raises ClusterError."""
    if index.journal is None:
        return
    put_settings(cluster, index, {name: index.journal[name] for name in RELAXED})


def put_settings(cluster: Cluster, index: OpenIndex, settings: dict[str, Any]) -> None:
    """Change an index's settings; raises ClusterError."""
    with cluster.explaining():
        cluster.client.indices.put_settings(index=index.name, body={"index": settings})


def forget_note(cluster: Cluster, index: OpenIndex) -> None:
    """Take the note about the load out of the index's `_meta`; raises ClusterError.

    An alias's new index keeps it until the alias points there: by it an interrupted one is found.
    """
    if index.journal is None:
        return
    change_note(cluster, index.name, lambda note: None)
