"""Documents into an index: read | split | skip | encode | write, losing and repeating nothing."""

from ingest.errors import (
    BlockedError,
    IncompleteError,
    IndexRefusedError,
    IngestError,
    OutageError,
    SourceError,
    TooManyRejectsError,
)
from ingest.records import PassageEncoder, Reading, Splitting, Writing
from ingest.run.ingestion import ingest
from ingest.run.plan import Plan, checked
from ingest.tally import RejectLimit, Report

__all__ = [
    "BlockedError",
    "IncompleteError",
    "IndexRefusedError",
    "IngestError",
    "OutageError",
    "PassageEncoder",
    "Plan",
    "Reading",
    "RejectLimit",
    "Report",
    "SourceError",
    "Splitting",
    "TooManyRejectsError",
    "Writing",
    "checked",
    "ingest",
]
