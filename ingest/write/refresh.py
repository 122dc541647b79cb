"""Refreshes, which build the graphs of all vectors that are new: that may take hours."""

from __future__ import annotations

import time

from ingest.write.client import FIRST_PAUSE, IndexClient, TransientError
from tandem.base.wire import path_of

# Seconds: graphs of millions of vectors take hours.
PATIENCE = 24 * 3600
# Seconds for which an answer is waited for before the cluster is asked whether it lives.
FIRST_LOOK, LONGEST_LOOK = 5.0, 60.0


def refresh(client: IndexClient, index: str | None = None) -> None:
    """Let searches and counts see all that was written; index: None for the client's.

    The cluster goes on with a refresh when nobody waits for it, and the next request waits for that
    one. So each is short, and in between something quick is asked, which knows an outage from a
    long refresh. Raises OutageError and ClusterError.
    """
    name, seconds = index or client.index, FIRST_LOOK
    began, attempt = time.monotonic(), 0
    while True:
        try:
            client.once("POST", path_of(name, "_refresh"), request_timeout=seconds)
        except TransientError as error:
            late = error.status is None and time.monotonic() - began < PATIENCE
            if not late:
                client.wait(attempt, str(error), error)
                attempt += 1
                continue
        else:
            client.accepted()
            return
        client.ask("GET", path_of(name))
        client.pause(FIRST_PAUSE)
        seconds = min(2 * seconds, LONGEST_LOOK)
