"""The sign of life of a run, by which others know that its place in an index is taken."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from cluster.errors import ClusterError
from ingest.errors import IngestError
from ingest.index.loading import OpenIndex, renew

if TYPE_CHECKING:
    from cluster import Cluster

BEAT_SECONDS = 30.0


class Heartbeat:
    """Says every half minute, in a thread of its own, that this run still loads an index.

    lost: called with the error once another has its place.
    """

    def __init__(
        self, cluster: Cluster, index: OpenIndex, lost: Callable[[IngestError], None]
    ) -> None:
        self._cluster, self._index, self._lost = cluster, index, lost
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    def _beat(self) -> None:
        first = True
        while first or not self._stopped.wait(BEAT_SECONDS):
            # The first is for another run that read the note before this one wrote it, and wrote
            # its own after. An outage is dealt with where documents are written.
            with suppress(ClusterError):
                try:
                    renew(self._cluster, self._index, missing_only=first)
                except IngestError as error:
                    self._lost(error)
                    return
            first = False

    def stop(self) -> None:
        """No more of it, and no beat is on its way."""
        self._stopped.set()
        self._thread.join()
