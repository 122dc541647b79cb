"""Vectors for documents that are in a cluster already, in place, while others change them."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from ingest.index.existing.guarded import Outcome, Update, guarded, send
from ingest.index.existing.prepare import Prepared, prepared
from ingest.index.existing.sample import row_of
from ingest.index.existing.walk import Found, walk
from ingest.read.rejects import RejectsFile
from ingest.read.template import Template
from ingest.records import Origin, PassageEncoder, rejected, stamp, wrote
from ingest.settings import Writing
from ingest.write.bulk import LONGEST_WAIT, Budget
from ingest.write.client import IndexClient
from mappings.existing import Roles
from tandem.base.vectors import Vector, VectorFault, as_vector

if TYPE_CHECKING:
    from cluster import Cluster

# What changed while it was encoded is looked at again, so often; then the next run does.
PASSES = 5
_IDS = 1000
_USUAL = "{title}\n{text}"


@dataclass(frozen=True)
class Enrichment:
    """The counts of a run: read = written + current + blank + rejected + changed + gone.

    current: had the vector of their text; blank: have no text; changed: by others, again and again,
    and are left to the next run; gone: deleted meanwhile; truncated: of those written, longer than
    the model reads; lacking: with dry_run, what would be written.
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
    retries: int = 0
    seconds: float = 0.0
    rejects: str | None = None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """What `--json` prints."""
        return asdict(self)


OnProgress = Callable[[Enrichment], None]
_Settled = Literal["written", "current", "blank", "rejected", "gone"]
_Count = _Settled | Literal["read", "changed", "truncated", "lacking"]
_SETTLED: tuple[_Settled, ...] = get_args(_Settled)


def enrich(
    cluster: Cluster,
    index: str,
    encoder: PassageEncoder,
    *,
    text_field: str | None = None,
    title_field: str | None = None,
    vector_field: str | None = None,
    query: Mapping[str, Any] | None = None,
    writing: Writing | None = None,
    rejects: Path | None = None,
    dry_run: bool = False,
    on_progress: OnProgress | None = None,
) -> Enrichment:
    """Give each document of an index the vector of its text; what is current is left alone.

    text_field: what is encoded, after the title where title_field is given; vector_field: None for
    the text's name and `_vector`; query: of the cluster, which documents, None for all; rejects:
    where refused documents go, None for INDEX.rejects. Nobody's change is overwritten: an update
    holds only for the version that was read. The same call again takes up what is new or changed.
    Raises IngestError and the errors of the cluster and the encoder.
    """
    roles = Roles(text_field, title_field)
    ready = prepared(cluster, index, encoder, roles, vector_field)
    kept = RejectsFile(rejects or Path(f"{ready.index}.rejects"))
    kept.check()
    settings = writing or Writing()
    client = IndexClient(cluster, ready.index, time.sleep, settings.max_outage)
    run = _Run(cluster, client, ready, encoder, settings, kept, on_progress or (lambda r: None))
    try:
        if dry_run:
            return run.look(query)
        ready.write(cluster)
        return run.all(query)
    finally:
        kept.close()


@dataclass
class _Item:
    """A document whose vector is missing or of another text; encoded: "" where it has no text."""

    found: Found
    encoded: str
    mark: str


@dataclass
class _Run:
    """One enrichment; again: ids of what changed between being read and being written."""

    cluster: Cluster
    client: IndexClient
    ready: Prepared
    encoder: PassageEncoder
    writing: Writing
    rejects: RejectsFile
    on_progress: OnProgress
    again: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        record = self.ready.record
        self._counts: Counter[_Count] = Counter()
        self._began, self._lock = time.monotonic(), threading.Lock()
        self._template = Template(record.template or _USUAL)
        largest = min(filter(None, (self.writing.max_bytes, self.client.largest_request())))
        self._budget = Budget(largest)

    def look(self, query: Mapping[str, Any] | None) -> Enrichment:
        """Count what lacks a current vector."""
        for page in self._pages(query or {"match_all": {}}):
            lacking = len(self._todo(page, first=True))
            self._count({"lacking": lacking})
        return self._report()

    def all(self, query: Mapping[str, Any] | None) -> Enrichment:
        """Enrich, and look again at what changed meanwhile."""
        wanted = query or {"match_all": {}}
        self._pass([wanted], first=True)
        for _ in range(PASSES - 1):
            if not (ids := self.again):
                break
            self.again = []
            parts = [ids[at : at + _IDS] for at in range(0, len(ids), _IDS)]
            chosen = [{"bool": {"filter": [wanted, {"ids": {"values": p}}]}} for p in parts]
            before = self._settled()
            self._pass(chosen, first=False)
            # What is no longer found was deleted, or is none of the query's any more.
            self._count({"gone": len(ids) - len(self.again) - (self._settled() - before)})
        self._count({"changed": len(self.again)})
        return self._report()

    def _settled(self) -> int:
        return sum(self._counts[name] for name in _SETTLED)

    def _count(self, by: Mapping[_Count, int]) -> None:
        """Add to counts, from the thread that reads or the one that sends."""
        with self._lock:
            self._counts.update(by)
        self.on_progress(self._report())

    def _report(self) -> Enrichment:
        """The counts so far."""
        record = self.ready.record
        with self._lock:
            counts = self._counts.copy()
        return Enrichment(
            self.ready.index,
            record.fields.text,
            record.fields.vector,
            read=counts["read"],
            written=counts["written"],
            current=counts["current"],
            blank=counts["blank"],
            rejected=counts["rejected"],
            changed=counts["changed"],
            gone=counts["gone"],
            truncated=counts["truncated"],
            lacking=counts["lacking"],
            retries=self.client.retries,
            seconds=time.monotonic() - self._began,
            rejects=str(self.rejects.path) if self.rejects.written else None,
            notes=self.ready.notes,
        )

    def _pages(self, query: Mapping[str, Any]) -> Iterator[list[Found]]:
        fields = self.ready.record.fields
        read = {fields.text, fields.title, fields.content_hash, fields.document_id}
        read |= {name.split(".")[0] for name in self._template.names - {"title"}}
        distribution = self.cluster.capabilities.distribution
        return walk(self.client, distribution, self.ready.shards, query, sorted(read))

    def _todo(self, page: Sequence[Found], *, first: bool) -> list[_Item]:
        """What of a page lacks the vector of its text, or has one without a text."""
        fields, items = self.ready.record.fields, []
        current = blank = 0
        for found in page:
            held = found.source.get(fields.content_hash)
            row = row_of(found.source, fields)
            if wrote(found.version.id, found.source, fields):
                current += 1  # Tandem's own, which an ingestion keeps
            elif not row.get("text"):
                blank += not held
                if held:
                    items.append(_Item(found, "", ""))
            else:
                before, after = self._template.around(row)
                encoded = before + row["text"] + after
                mark = stamp(self.encoder.fingerprint, encoded, {}, 1).partition(":")[0]
                current += held == mark
                if held != mark:
                    items.append(_Item(found, encoded, mark))
        self._count({"current": current, "blank": blank, "read": len(page) if first else 0})
        return items

    def _pass(self, queries: Sequence[Mapping[str, Any]], *, first: bool) -> None:
        waiting: deque[_Item] = deque()
        bare: deque[_Item] = deque()

        def texts() -> Iterator[str]:
            # The encoder reads ahead: what is waiting is what it has read.
            for query in queries:
                for page in self._pages(query):
                    items = self._todo(page, first=first)
                    bare.extend(item for item in items if not item.encoded)
                    items = [item for item in items if item.encoded]
                    counts = self.encoder.count_tokens([item.encoded for item in items])
                    self._count({"truncated": sum(n > self.encoder.max_length for n in counts)})
                    for item in items:
                        waiting.append(item)
                        yield item.encoded

        group: list[Update] = []
        size, began = 0, time.monotonic()
        for vector in self.encoder.stream_passages(texts()):
            item = waiting.popleft()
            made = as_vector(vector, self.encoder.dim)
            if isinstance(made, VectorFault):
                self._reject(item.found, f"the vector {made.told}")
                continue
            group.append(self._update(item, made))
            size += len(group[-1].data)
            late = time.monotonic() - began > LONGEST_WAIT
            if late or len(group) >= self.writing.max_count or size >= self._budget.bytes:
                self._send(group)
                group, size, began = [], 0, time.monotonic()
        self._send([*group, *(self._update(item, None) for item in bare)])

    def _update(self, item: _Item, vector: Vector | None) -> Update:
        fields = self.ready.record.fields
        mark = item.mark or None
        return guarded(item.found, {fields.vector: vector, fields.content_hash: mark})

    def _send(self, group: list[Update]) -> None:
        counts = dict.fromkeys((Outcome.WRITTEN, Outcome.GONE), 0)
        for update, outcome, why in send(self.client, self._budget, group):
            if outcome is Outcome.CHANGED:
                self.again.append(update.found.version.id)
            elif outcome is Outcome.REFUSED:
                self._reject(update.found, why)
            else:
                counts[outcome] += 1
        self._count({"written": counts[Outcome.WRITTEN], "gone": counts[Outcome.GONE]})

    def _reject(self, found: Found, why: str) -> None:
        origin = Origin(self.ready.index, 0)
        self.rejects.write(rejected(why, origin, found.version.id, dict(found.source)))
        self._count({"rejected": 1})
