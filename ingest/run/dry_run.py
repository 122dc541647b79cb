"""What an ingestion would do, without doing it: the first passages and the mapping."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from ingest.index.alias import read_alias
from ingest.index.generations import Older, created, generations, older
from ingest.index.open import existing, planned_body
from ingest.passages.split import Splitter
from ingest.read.documents import DocumentMaker
from ingest.read.rows import Source
from ingest.records import Document, Passage, PassageEncoder, Reject
from ingest.run.plan import Plan, checked, named
from mappings import Fields

if TYPE_CHECKING:
    from cluster import Cluster

PASSAGES_SHOWN = 3
# Enough rows to find three passages in, and every field of a template, whatever the first are.
ROWS_TRIED = 100


@dataclass(frozen=True)
class DryRun:
    """The first passages, their tokens as encoded, and refused rows among the first.

    index: where they would go; template: what is encoded; body: of the index that would be
    created, None where it is there; deleted: older indexes of the alias that would go; warnings:
    what looks wrong, a sentence each.
    """

    index: str
    template: str
    passages: list[Passage]
    tokens: list[int]
    rejects: list[Reject]
    body: dict[str, Any] | None
    deleted: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The object of `tandem ingest --dry-run --json`."""
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
            "deleted": list(self.deleted),
            "warnings": list(self.warnings),
        }


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
    rows = checked(source, plan, alias)
    name = named(cluster, encoder, index, alias, plan)
    there = existing(cluster, name, encoder, plan.shape)
    body = None if there else planned_body(cluster, name, encoder, plan.shape, alias)
    older = _older(cluster, alias, there[1] if there else None, plan.keep)
    rejects: list[Reject] = []
    maker = DocumentMaker(plan.reading, Fields())

    documents: list[Document] = []
    for found in maker.make(islice(rows, ROWS_TRIED)):
        if isinstance(found, Reject):
            rejects.append(found)
        else:
            documents.append(found)
    splitter = Splitter(encoder, plan.splitting, Fields(), lambda by: None)
    few = iter(documents[:PASSAGES_SHOWN])
    passages = [passage for group in splitter.split(few) for passage in group][:PASSAGES_SHOWN]
    tokens = encoder.count_tokens([passage.encoded for passage in passages]) if passages else []
    warnings = (*maker.warnings, *older.notes)
    return DryRun(name, maker.template, passages, tokens, rejects, body, older.gone, warnings)


def _older(
    cluster: Cluster, alias: str | None, target: dict[str, Any] | None, keep: int | None
) -> Older:
    """What would become of the alias's older indexes."""
    if alias is None or keep is None:
        return Older()
    live = read_alias(cluster, alias).indexes
    before = created(target) if target else None
    return older(generations(cluster, alias), alias, live=live, before=before, keep=keep)
