"""What loads the batches of a run where its own process does not."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from typing import Protocol

from ingest.read.rows import Rows
from ingest.records import PassageEncoder
from ingest.run.batch.pipeline import Job
from ingest.run.deduplicate import Seen
from ingest.write.client import IndexClient
from tandem.base.wire import path_of

LISTEN_SECONDS = 5.0


class Runner(Protocol):
    """An engine that does `load_batch` for all rows; the run itself stays where it was begun."""

    @property
    def share(self) -> float | None:
        """How much of the source is finished, from 0 to 1; None before it is known."""

    @property
    def preparing(self) -> str | None:
        """What is done before the first batch, in a few words; None once batches are loaded."""

    def ready(self, rows: Rows, encoder: PassageEncoder) -> AbstractContextManager[None]:
        """Be there within; raises IngestError for what is missing, before anything is made."""

    def load(self, job: Job, rows: Rows, seen: Seen) -> None:
        """Load all rows, and add what becomes of them to the job; every id goes into `seen`.

        Ends early once the job's flow is stopping or cancelled, and nothing is loaded on after it
        returned. Raises what `load_batch` raises.
        """


def load_elsewhere(runner: Runner, job: Job, client: IndexClient, rows: Rows, seen: Seen) -> None:
    """Let a runner load all rows, and ask meanwhile whether the cluster answers.

    Else nobody here would tell of an outage, in which those who write wait.
    """
    loaded, flow = threading.Event(), job.flow

    def listen() -> None:
        while not (flow.cancelled.is_set() or loaded.wait(LISTEN_SECONDS)):
            client.ask("POST", path_of(client.index, "_count"))

    flow.background(listen)
    try:
        runner.load(job, rows, seen)
    finally:
        loaded.set()
