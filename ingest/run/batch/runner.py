"""What loads the batches of a run where its own process does not."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from ingest.read.rows import Rows
from ingest.records import PassageEncoder
from ingest.run.batch.pipeline import Job
from ingest.run.deduplicate import Seen


class Runner(Protocol):
    """An engine that does `load_batch` for all rows; the run itself stays where it was begun."""

    @property
    def share(self) -> float | None:
        """How much of the source is finished, from 0 to 1; None before it is known."""

    def ready(self, rows: Rows, encoder: PassageEncoder) -> AbstractContextManager[None]:
        """Be there within; raises IngestError for what is missing, before anything is made."""

    def load(self, job: Job, rows: Rows, seen: Seen) -> None:
        """Load all rows, and add what becomes of them to the job; every id goes into `seen`.

        Ends early once the job's flow is stopping. Raises what `load_batch` raises.
        """
