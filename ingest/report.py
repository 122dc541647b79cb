"""What came of an ingestion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Report:
    """What came of an ingestion, at its end or so far.

    read, written, skipped, rejected: documents, and read = written + skipped + rejected;
    unfinished: taken from the source and not finished when the run ended early, all of which the
    same command takes up again; encoded, passages_written: passages; truncated: passages of which
    the model saw only the beginning; retries: requests sent again; removed: left-over passages of
    documents that shrank; pruned: passages of documents that the source no longer has; held:
    passages in the index at the end, each with its vector, None before they are counted; done: the
    share of the source that is finished, None where unknown; finishing: what is done after the last
    document; stages: the share of the time that each stage was busy; reasons: the commonest of the
    rejects, and how many there are of each; alias: what points to the index now, and deleted: the
    older indexes that went for it.
    """

    index: str
    read: int = 0
    written: int = 0
    skipped: int = 0
    rejected: int = 0
    unfinished: int = 0
    seconds: float = 0.0
    encoded: int = 0
    passages_written: int = 0
    truncated: int = 0
    retries: int = 0
    removed: int = 0
    pruned: int = 0
    held: int | None = None
    done: float | None = None
    finishing: str | None = None
    stages: Mapping[str, float] = field(default_factory=dict)
    rejects: str | None = None
    reasons: Mapping[str, int] = field(default_factory=dict)
    alias: str | None = None
    deleted: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def docs_per_second(self) -> float:
        """Documents read in one second; 0 before anything was."""
        return self.read / self.seconds if self.seconds else 0.0

    @property
    def slowest(self) -> str | None:
        """The stage that was busy for the largest share of the time, or None before any was."""
        return max(self.stages, key=lambda name: self.stages[name]) if self.stages else None

    @property
    def nothing_happened(self) -> bool:
        """Whether the run ended before it took its first document."""
        return self.held is None and not self.read + self.unfinished

    def to_json(self) -> dict[str, Any]:
        """The object of `tandem ingest --json`."""
        return {
            "read": self.read,
            "written": self.written,
            "skipped": self.skipped,
            "rejected": self.rejected,
            "seconds": round(self.seconds, 3),
            "docs_per_second": round(self.docs_per_second, 2),
            "index": self.index,
            "unfinished": self.unfinished,
            "passages": {
                "encoded": self.encoded,
                "written": self.passages_written,
                "truncated": self.truncated,
                "removed": self.removed,
                "pruned": self.pruned,
                "held": self.held,
            },
            "retries": self.retries,
            "stages": {name: round(share, 3) for name, share in self.stages.items()},
            "slowest": self.slowest,
            "rejects": self.rejects,
            "reasons": dict(self.reasons),
            "alias": self.alias,
            "deleted": list(self.deleted),
            "warnings": list(self.warnings),
        }
