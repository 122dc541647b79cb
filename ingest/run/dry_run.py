"""What an ingestion would do, without doing it: the first passages and the mapping."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from ingest.errors import IngestError
from ingest.index.aliases.alias import read_alias
from ingest.index.aliases.generations import Older, created, generations, older
from ingest.index.open import Existing, existing, planned_body
from ingest.index.types.fit import Fitter
from ingest.index.types.plan import MOST_FIELDS, PlannedFields, planned_fields, said_of_too_many
from ingest.passages.precomputed import check_precomputed
from ingest.passages.split import Splitter
from ingest.read.documents import DocumentMaker
from ingest.read.fields import check_texts
from ingest.read.rows import Source
from ingest.records import Document, Passage, PassageEncoder, Reject
from ingest.run.deduplicate import Seen
from ingest.run.plan import Plan, checked, named
from ingest.run.removal.prune import candidates, check_prunable
from ingest.write.client import IndexClient
from mappings import Fields
from tandem.base.arguments import checked_arguments

if TYPE_CHECKING:
    from cluster import Cluster

PASSAGES_SHOWN = 3
# Of so many of the first rows, refusals are shown.
ROWS_TRIED = 100


@dataclass(frozen=True)
class DryRun:
    """The first passages, their tokens as encoded, and refused rows among the first.

    index: where they would go; template: what is encoded; body: of the index that would be
    created, None where it is there; types: of the metadata, by dotted name; deleted: older indexes
    of the alias that would go; pruned: the documents that would, None where none were to; warnings:
    what looks wrong, a sentence each.
    """

    index: str
    template: str
    passages: list[Passage]
    tokens: list[int]
    rejects: list[Reject]
    body: dict[str, Any] | None
    types: Mapping[str, str]
    deleted: tuple[str, ...] = ()
    pruned: Pruned | None = None
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The object that the command line prints."""
        return {
            "index": self.index,
            "template": self.template,
            "passages": [
                {"id": p.id, "tokens": tokens, "encoded": p.encoded, "stored": p.body}
                for p, tokens in zip(self.passages, self.tokens, strict=True)
            ],
            "rejects": [
                {"file": r.origin.file, "line": r.origin.line, "id": r.id, "reason": r.reason}
                for r in self.rejects
            ],
            "body": self.body,
            "types": dict(self.types),
            "deleted": list(self.deleted),
            "pruned": asdict(self.pruned) if self.pruned else None,
            "warnings": list(self.warnings),
        }


@checked_arguments(IngestError)
def dry_run(
    source: Source,
    *,
    cluster: Cluster,
    encoder: PassageEncoder,
    index: str | None = None,
    alias: str | None = None,
    plan: Plan | None = None,
) -> DryRun:
    """Read the first rows and say what `ingest` would store; nothing is written anywhere.

    Raises what `ingest` raises for the same source, index or alias, and plan.
    """
    plan = plan or Plan()
    rows, name = checked(source, plan, alias), named(cluster, encoder, index, alias, plan)
    there = existing(cluster, name, encoder, plan.shape)
    plan = plan.as_recorded(there.record.template if there else None)
    older = _older(cluster, alias, there.description if there else None, plan.keep)
    maker, pruning = DocumentMaker(plan.reading, Fields()), _Pruning()
    made = list(maker.make(iter(rows.sample())))
    sound = [each for each in made if isinstance(each, Document)]
    check_texts(sound, plan.reading)
    check_precomputed(sound, encoder, plan.reading.vector_from)
    found = (there.name, there.description, there.record.fields) if there else None
    planned = planned_fields(cluster, found, plan.shape, sound)
    body = None if there else planned_body(cluster, name, encoder, planned.shape, alias)
    fitter = Fitter(planned.types, keep=plan.reading.keep_misfits)
    fitted = [fitter.fit(each) if isinstance(each, Document) else each for each in made]
    passages = _passages(encoder, plan, (each for each in fitted if isinstance(each, Document)))
    pruned: Pruned | None = None
    notes = (*rows.warnings, *maker.warnings, *_warnings(planned, there), *older.notes)
    if there and not alias and plan.confirm_prune:
        for each in DocumentMaker(plan.reading, Fields()).make(iter(rows)):
            pruning.see(each)
        pruned, more = pruning.found(cluster, there, plan)
        notes = (*notes, *more)
    tokens = encoder.count_tokens([each.encoded for each in passages]) if passages else []
    rejects = [each for each in fitted[:ROWS_TRIED] if isinstance(each, Reject)]
    shown = (name, maker.template, passages, tokens, rejects, body, planned.types)
    return DryRun(*shown, older.gone, pruned, notes)


def _passages(encoder: PassageEncoder, plan: Plan, documents: Iterator[Document]) -> list[Passage]:
    """The first passages, of no more documents than they need."""
    splitter = Splitter(encoder, plan.splitting, Fields(), lambda by: None)
    split = splitter.split(islice(documents, PASSAGES_SHOWN))
    return [passage for group in split for passage in group][:PASSAGES_SHOWN]


@dataclass(frozen=True)
class Pruned:
    """How many of the documents held would be removed, and the ids of some."""

    documents: int
    held: int
    sample: list[str]


class _Pruning:
    """What a prune would remove, once every row was seen."""

    def __init__(self) -> None:
        self._seen, self._read, self._anonymous = Seen(), 0, 0

    def see(self, found: Document | Reject) -> None:
        """Remember a document's id."""
        self._read += 1
        if isinstance(found, Document):
            self._seen.add(found.id, found.origin)
        elif found.id:
            self._seen.note(found.id)
        else:
            self._anonymous += 1

    def found(
        self, cluster: Cluster, there: Existing, plan: Plan
    ) -> tuple[Pruned, tuple[str, ...]]:
        """What would go of an index, and why it would not, if so."""
        name, record = there.name, there.record
        client = IndexClient(cluster, name, None, plan.writing.max_outage)
        with closing(sqlite3.connect("")) as database:
            each = candidates(client, record.fields, self._seen, database)
        self._seen.close()
        notes: tuple[str, ...] = ()
        try:
            check_prunable(self._read, self._anonymous)
            if plan.max_prune:
                each.check(name, plan.max_prune)
        except IngestError as error:
            notes = (str(error),)
        return Pruned(each.documents, each.held, list(each.sample)), notes


def _warnings(planned: PlannedFields, there: Existing | None) -> tuple[str, ...]:
    """What is to be said of index and types, and of too many of them, which creating would tell."""
    count = len(planned.types)
    many = (f"{said_of_too_many(count, planned.shape)}.",) if count > MOST_FIELDS else ()
    return (*(there.warnings if there else ()), *planned.warnings, *many)


def _older(
    cluster: Cluster, alias: str | None, target: dict[str, Any] | None, keep: int | None
) -> Older:
    """What would become of the alias's older indexes."""
    if alias is None or keep is None:
        return Older()
    live = read_alias(cluster, alias).indexes
    before = created(target) if target else None
    return older(generations(cluster, alias), alias, live=live, before=before, keep=keep)
