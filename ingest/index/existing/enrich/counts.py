"""The counts of an enrichment, added to by the thread that reads and the one that sends."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from ingest.read.rejects import RejectsFile
from ingest.records import Origin, rejected
from ingest.write.client import IndexClient


@dataclass(frozen=True)
class Enrichment:
    """The counts of a run: read = written + current + blank + rejected + changed + gone.

    index: where the vectors are; current: had the vector of their text; blank: have no text, and in
    a copy stand as they were; changed: by others, again and again, and are left to the next run;
    gone: deleted meanwhile; truncated: of those written, longer than the model reads; lacking: with
    dry_run, what would be written. Of a copy: deleted: documents that were taken out of it again,
    for they were deleted meanwhile; aliases: that point to it now; held: seconds for which the old
    index took no writes.
    """

    index: str
    text_field: str
    vector_field: str
    read: int = 0
    written: int = 0
    current: int = 0
    blank: int = 0
    rejected: int = 0
    changed: int = 0
    gone: int = 0
    truncated: int = 0
    lacking: int = 0
    deleted: int = 0
    retries: int = 0
    seconds: float = 0.0
    held: float = 0.0
    aliases: tuple[str, ...] = ()
    rejects: str | None = None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """What `--json` prints."""
        return asdict(self)


OnCounts = Callable[[Enrichment], None]
Settled = Literal["written", "current", "blank", "rejected", "gone"]
Count = Settled | Literal["read", "changed", "truncated", "lacking", "deleted"]
_SETTLED: tuple[Settled, ...] = get_args(Settled)


class Counts:
    """An Enrichment as it grows; on_progress is told of every change.

    begun: what is known of it from the start; clients: whose retries are counted; aliases and held:
    as in an Enrichment, set where they come to be known.
    """

    def __init__(
        self,
        begun: Enrichment,
        clients: list[IndexClient],
        rejects: RejectsFile,
        on_progress: OnCounts,
    ) -> None:
        self.clients = clients
        self.aliases: tuple[str, ...] = ()
        self.held = 0.0
        self._begun, self._rejects, self._on_progress = begun, rejects, on_progress
        self._counts: Counter[Count] = Counter()
        self._began, self._lock = time.monotonic(), threading.Lock()

    def add(self, by: Mapping[Count, int]) -> None:
        """Add to counts."""
        with self._lock:
            self._counts.update(by)
        self._on_progress(self.report())

    def __getitem__(self, name: Count) -> int:
        return self._counts[name]

    @property
    def settled(self) -> int:
        """Documents of which nothing more is to be done."""
        return sum(self._counts[name] for name in _SETTLED)

    def reject(self, document: str, source: dict[str, Any], why: str) -> None:
        """Keep a refused document, with the reason."""
        self._rejects.write(rejected(why, Origin(self.clients[0].index, 0), document, source))
        self.add({"rejected": 1})

    def report(self) -> Enrichment:
        """The counts so far."""
        with self._lock:
            counts = self._counts.copy()
        return replace(
            self._begun,
            read=counts["read"],
            written=counts["written"],
            current=counts["current"],
            blank=counts["blank"],
            rejected=counts["rejected"],
            changed=counts["changed"],
            gone=counts["gone"],
            truncated=counts["truncated"],
            lacking=counts["lacking"],
            deleted=counts["deleted"],
            aliases=self.aliases,
            held=self.held,
            retries=sum(client.retries for client in self.clients),
            seconds=time.monotonic() - self._began,
            rejects=str(self._rejects.path) if self._rejects.written else None,
        )
