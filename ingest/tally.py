"""Counts that add up: every document that was read is in the end written, skipped or rejected."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Literal, Protocol

from ingest.errors import TooManyRejectsError
from ingest.read.sources.files import shown
from ingest.records import Document, Passage, Reject
from ingest.settings import RejectLimit

# In the order in which a document passes them.
Stage = Literal["read", "split", "skip", "encode", "pack", "write"]


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
    document; outage: what to say while the cluster accepts nothing; stages: the share of the time
    that each stage was busy; preparation: seconds that the encoder took, before `seconds`, for what
    is done once a model on a machine, step by step; reasons: the commonest of the rejects, and how
    many there are of each, or at least so many where there are more than a thousand; alias: what
    points to the index now, and deleted: the older indexes that went for it.
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
    outage: str | None = None
    stages: Mapping[Stage, float] = field(default_factory=dict)
    preparation: Mapping[str, float] = field(default_factory=dict)
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
    def slowest(self) -> Stage | None:
        """The stage that was busy for the largest share of the time, or None before any was."""
        return max(self.stages, key=self.stages.__getitem__, default=None)

    @property
    def nothing_happened(self) -> bool:
        """Whether the run ended before it took its first document."""
        return self.held is None and not self.read + self.unfinished

    def to_json(self) -> dict[str, Any]:
        """The object that the command line prints."""
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
            "preparation": {name: round(each, 3) for name, each in self.preparation.items()},
            "rejects": self.rejects,
            "reasons": dict(self.reasons),
            "alias": self.alias,
            "deleted": list(self.deleted),
            "warnings": list(self.warnings),
        }


# Reasons alike but for ids and numbers are counted together by their beginning.
_REASON_KEY = 60
_NUMBER = re.compile(r"\d[\d,.]*")
_REASONS_SHOWN = 3
# Beginnings that are kept at a time: a reason that begins with an id is one of its own.
_REASONS_KEPT = 1000
# Passages that others count here, each by its name in the Report.
PassageCount = Literal["encoded", "truncated", "removed", "pruned"]
_Fate = Literal["written", "skipped", "rejected"]
_Count = PassageCount | _Fate | Literal["taken", "stored", "passages_written", "retries"]
# Of a report, what another's is added to.
_ADDED: tuple[_Count, ...] = (
    "written",
    "skipped",
    "encoded",
    "truncated",
    "removed",
    "passages_written",
    "retries",
)


class Outcome(Enum):
    """What became of a passage."""

    WRITTEN = "written"
    SKIPPED = "skipped"


@dataclass
class _Pending:
    left: int
    written: bool = False
    rejected: bool = False


class Rejects(Protocol):
    """Where rejects go; path: what a sentence calls it."""

    path: Path
    written: int

    def write(self, reject: Reject) -> None:
        """Take one more."""


class Tally:
    """Counts documents as their passages are settled; safe to use from several threads.

    A document counts once, when its last passage is settled: rejected if any passage was, else
    written if any was, else skipped.
    """

    def __init__(self, index: str, rejects: Rejects, limit: RejectLimit) -> None:
        self._rejects = rejects
        self._limit = limit
        self._lock = threading.RLock()
        self._pending: dict[int, _Pending] = {}
        self._counts: Counter[_Count] = Counter()
        self._reasons: Counter[str] = Counter()
        self._examples: dict[str, str] = {}
        self._index = index
        self.anonymous_rejects = 0
        self._when_settled: Callable[[int, bool], None] = lambda document, stored: None

    def on_settled(self, call: Callable[[int, bool], None]) -> None:
        """Call with the number of every document of passages, and whether all are stored."""
        self._when_settled = call

    def took(self, by: int = 1) -> None:
        """So many documents were taken from the source."""
        with self._lock:
            self._counts["taken"] += by

    def count(self, name: PassageCount, by: int = 1) -> None:
        """Add to one of the Report's counts of passages."""
        with self._lock:
            self._counts[name] += by

    def expect(self, document: Document, passages: int) -> None:
        """A document was split: so many passages are to be settled."""
        with self._lock:
            self._pending[document.number] = _Pending(passages)

    def settle(self, passages: list[Passage], outcome: Outcome) -> None:
        """These passages are stored: just written, or as they were."""
        with self._lock:
            for passage in passages:
                pending = self._pending[passage.document.number]
                pending.written |= outcome is Outcome.WRITTEN
                self._one_less(passage.document, pending)
            self._counts["stored"] += len(passages)
            if outcome is Outcome.WRITTEN:
                self._counts["passages_written"] += len(passages)

    def skip(self) -> None:
        """A document was taken that is the same as one before it."""
        with self._lock:
            self._counts["skipped"] += 1

    def reject_passage(self, passage: Passage, reason: str) -> None:
        """A passage was refused, and so its document is; the document is written out once."""
        document = passage.document
        with self._lock:
            pending = self._pending[document.number]
            first, pending.rejected = not pending.rejected, True
            if first:
                self._write_out(document.rejected(reason))
            self._one_less(document, pending)
            self._check_limit()

    def reject(self, reject: Reject, read: int | None = None) -> None:
        """A row was refused before it became passages; read: None for all that were taken."""
        with self._lock:
            self._counts["rejected"] += 1
            self.anonymous_rejects += reject.id is None
            self._write_out(reject)
            self._check_limit(read)

    def add(self, report: Report, rejects: Iterable[Reject], stored: int) -> None:
        """Add what became of a batch of those that were taken; stored: passages of it."""
        with self._lock:
            for name in _ADDED:
                self._counts[name] += getattr(report, name)
            self._counts["stored"] += stored
            # All may be taken before the first batch is: its rejects are held to what is settled.
            for read, reject in enumerate(rejects, self.report().read + 1):
                self.reject(reject, read)

    def _one_less(self, document: Document, pending: _Pending) -> None:
        pending.left -= 1
        if pending.left:
            return
        del self._pending[document.number]
        fate: _Fate
        fate = "rejected" if pending.rejected else "written" if pending.written else "skipped"
        self._counts[fate] += 1
        self._when_settled(document.number, not pending.rejected)

    def _write_out(self, reject: Reject) -> None:
        self._rejects.write(reject)
        key = _NUMBER.sub("#", reject.reason)[:_REASON_KEY]
        self._reasons[key] += 1
        self._examples.setdefault(key, reject.reason)
        if len(self._reasons) > _REASONS_KEPT:
            self._reasons = Counter(dict(self._reasons.most_common(_REASONS_KEPT // 2)))
            self._examples = {each: self._examples[each] for each in self._reasons}

    def _check_limit(self, read: int | None = None) -> None:
        rejected = self._counts["rejected"]
        read = self._counts["taken"] if read is None else read
        if self._limit.allows(rejected, read):
            return
        reason, often = self._reasons.most_common(1)[0]
        raise TooManyRejectsError(
            f"{rejected:,} of {read:,} documents were rejected, which is more than `max_rejects` "
            f"allows, {often:,} of them because: {self._examples[reason]}; see "
            f"{shown(self._rejects.path)}, mend the source or its options, or raise `max_rejects`."
        )

    @property
    def stored(self) -> int:
        """Passages that are in the index now, by what this run wrote and found."""
        return self._counts["stored"]

    def report(self) -> Report:
        """The counts so far; documents that are still on their way count as unfinished."""
        with self._lock:
            counts = self._counts.copy()
            reasons = self._reasons.most_common(_REASONS_SHOWN)
        read = counts["written"] + counts["skipped"] + counts["rejected"]
        return Report(
            self._index,
            read=read,
            written=counts["written"],
            skipped=counts["skipped"],
            rejected=counts["rejected"],
            unfinished=counts["taken"] - read,
            encoded=counts["encoded"],
            passages_written=counts["passages_written"],
            truncated=counts["truncated"],
            retries=counts["retries"],
            removed=counts["removed"],
            pruned=counts["pruned"],
            rejects=shown(self._rejects.path) if self._rejects.written else None,
            reasons={self._examples[key]: often for key, often in reasons},
        )
