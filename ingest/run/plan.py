"""What a run is asked to do, and all that can be wrong with it before anything is made."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from ingest.errors import IngestError
from ingest.index.aliases.alias import index_for
from ingest.index.loading import OpenIndex
from ingest.index.types.fit import Fitter
from ingest.index.types.plan import enter_types
from ingest.passages.precomputed import check_precomputed
from ingest.read.documents import DocumentMaker
from ingest.read.fields import check_texts
from ingest.read.rejects import RejectsFile
from ingest.read.rows import Rows, Source
from ingest.records import Document, PassageEncoder
from ingest.run.removal.prune import Confirm, PruneLimit
from ingest.settings import Reading, RejectLimit, Splitting, Writing
from mappings import Fields, Shape
from tandem.base.arguments import checked_arguments

if TYPE_CHECKING:
    from cluster import Cluster


@checked_arguments(IngestError)
@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that a run is asked to do, apart from its source, cluster and encoder.

    relax: refreshes and replicas of an index that was there before, as of a new one; keep_replicas:
    leave those as they are, which is slower and goes on while a node is away; confirm_prune: asked
    before documents go that the source lacks, None lets none go; max_prune: how many may go, None
    for all; keep: how many older indexes of the alias stay, None for all; take_alias: it may be
    taken from indexes that Tandem did not make.
    """

    shape: Shape = field(default_factory=Shape)
    reading: Reading = field(default_factory=Reading)
    splitting: Splitting = field(default_factory=Splitting)
    writing: Writing = field(default_factory=Writing)
    max_rejects: RejectLimit = field(default_factory=RejectLimit)
    rejects: Path | None = None
    relax: bool = False
    keep_replicas: bool = False
    force_merge: bool = False
    confirm_prune: Confirm | None = None
    max_prune: PruneLimit | None = field(default_factory=PruneLimit)
    keep: int | None = None
    take_alias: bool = False

    def as_recorded(self, template: str | None) -> Plan:
        """The same plan, with the template of an index's record where it has none of its own."""
        if template is None or self.reading.template is not None:
            return self
        return replace(self, reading=replace(self.reading, template=template))


def checked(source: Source, plan: Plan, alias: str | None = None) -> Rows:
    """The rows of a source, once all is looked at that can be wrong without a cluster.

    Raises IngestError: no such file, an unknown format, a wrong template, no place for rejects, a
    rejects file that would be all that an alias's new index holds.
    """
    rows = Rows(source, plan.reading)
    if alias and (name := rows.of_rejects):
        raise IngestError(
            f"{name} holds only what an earlier run refused, and {alias!r} would go to an index "
            f"with nothing else: add it to the index that is there, with `index={alias!r}`."
        )
    DocumentMaker(plan.reading, Fields())
    rejects = plan.rejects or rows.rejects_path
    RejectsFile(rejects).check()
    rows.check(rejects)
    return rows


def first_documents(rows: Rows, reading: Reading, stopping: Event | None = None) -> list[Document]:
    """The documents among a source's first rows, by which the types of metadata are told."""
    made = DocumentMaker(reading, Fields()).make(iter(rows.sample(stopping)))
    found = [each for each in made if isinstance(each, Document)]
    check_texts(found, reading)
    return found


def fitter_for(
    cluster: Cluster,
    index: OpenIndex,
    encoder: PassageEncoder,
    rows: Rows,
    plan: Plan,
    stopping: Event,
) -> tuple[Fitter, tuple[str, ...]]:
    """What fits documents to the types of an open index, which it is given, and what to say of it.

    Waits for the first rows, which of a pipe may be hours away, or until the run is stopping.
    Raises IndexRefusedError where the index would refuse the documents, and IngestError where
    vectors that come with them are not the encoder's.
    """
    first = first_documents(rows, plan.reading, stopping)
    check_precomputed(first, encoder, plan.reading.vector_from)
    planned = enter_types(cluster, index, plan.shape, first)
    return Fitter(planned.types, keep=plan.reading.keep_misfits), planned.warnings


def named(
    cluster: Cluster, encoder: PassageEncoder, index: str | None, alias: str | None, plan: Plan
) -> str:
    """Where to write: the index itself, or the one that an alias's load fills.

    Raises IngestError unless exactly one is given, and what `index_for` raises.
    """
    if index is not None and alias is None:
        return index
    if alias is None or index is not None:
        raise IngestError("one of index and alias is needed: say where to write.")
    return index_for(cluster, alias, encoder.fingerprint, plan.shape, take=plan.take_alias)
