"""What an ingestion would do, without doing it: the first passages and the mapping."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from ingest.documents import DocumentMaker
from ingest.index import planned_body
from ingest.records import Document, Passage, PassageEncoder, Reading, Reject, Splitting
from ingest.rows import Rows, Source
from ingest.split import Splitter
from mappings import Fields, Shape

if TYPE_CHECKING:
    from cluster import Cluster

PASSAGES_SHOWN = 3
# Enough rows to find three passages in, whatever the first ones are.
ROWS_TRIED = 100


@dataclass(frozen=True)
class DryRun:
    """The first passages, their tokens as encoded, refused rows among the first, and the body."""

    passages: list[Passage]
    tokens: list[int]
    rejects: list[Reject]
    body: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The object of `tandem ingest --dry-run --json`."""
        return {
            "passages": [
                {"id": p.id, "tokens": tokens, "encoded": p.encoded, "stored": p.body}
                for p, tokens in zip(self.passages, self.tokens, strict=True)
            ],
            "rejects": [
                {"file": r.origin.file, "line": r.origin.line, "id": r.id, "reason": r.reason}
                for r in self.rejects
            ],
            "body": self.body,
        }


def dry_run(
    source: Source,
    *,
    cluster: Cluster,
    encoder: PassageEncoder,
    index: str,
    shape: Shape,
    reading: Reading,
    splitting: Splitting,
) -> DryRun:
    """Read the first rows and say what would be stored; nothing is written anywhere.

    Raises what `ingest` raises for the same source, index name and shape.
    """
    body = planned_body(cluster, index, encoder, shape)
    splitter = Splitter(encoder, splitting, Fields(), lambda by: None)
    rejects: list[Reject] = []
    maker = DocumentMaker(reading, Fields())

    def documents() -> Iterator[Document]:
        for found in maker.make(islice(Rows(source, reading), ROWS_TRIED)):
            if isinstance(found, Reject):
                rejects.append(found)
            else:
                yield found

    few = islice(documents(), PASSAGES_SHOWN)
    passages = [passage for group in splitter.split(few) for passage in group][:PASSAGES_SHOWN]
    tokens = encoder.count_tokens([passage.encoded for passage in passages]) if passages else []
    return DryRun(passages, tokens, rejects, body)
