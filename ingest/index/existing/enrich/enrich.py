"""Vectors for documents that are in a cluster already, in place or in a copy of their index."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.diagnosis.rights import require
from ingest.errors import IndexRefusedError
from ingest.index.existing.enrich.copied_index import end_half_ended, open_copy
from ingest.index.existing.enrich.copy import Copy
from ingest.index.existing.enrich.counts import Counts, Enrichment, OnCounts
from ingest.index.existing.enrich.in_place import InPlace
from ingest.index.existing.enrich.prepare import EnrichOptions, Wanted, prepared
from ingest.index.existing.enrich.walk import EVERYTHING
from ingest.index.loading import new_token
from ingest.index.note import RUNNING
from ingest.read.rejects import RejectsFile
from ingest.records import PassageEncoder
from ingest.write.client import IndexClient
from ingest.write.whole import check_whole, rehearse_write
from tandem.base.arguments import checked_arguments

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from cluster import Cluster


@checked_arguments(IndexRefusedError)
def enrich(
    cluster: Cluster,
    index: str,
    encoder: PassageEncoder,
    *,
    on_progress: OnCounts | None = None,
    **options: Unpack[EnrichOptions],
) -> Enrichment:
    """Give each document of an index the vector of its text; what is current is left alone.

    text_field: what is encoded, after the title where title_field is given; vector_field: None for
    the text's name and `_vector`; query: of the cluster, which documents, None for all; passages:
    of a text that is longer than the model reads, "first" alone has a vector, which is counted, or
    with "nested" each has one, in nested objects, None for as the index was begun; rejects: where
    refused documents go, None for INDEX.rejects; dry_run: only count. Nobody's change is
    overwritten: an update holds only for the version that was read. The same call again takes up
    what is new or changed.

    copy_to: the name of a new index, which becomes a copy with vectors, to which all aliases then
    move; the old index stays. follow: go on with what is new or changed until KeyboardInterrupt,
    which ends the call in order. Raises IngestError and the errors of the cluster and the encoder.
    """
    wanted = Wanted(**options)
    copy = None if wanted.dry_run else wanted.copy_to
    if copy and end_half_ended(cluster, index, copy):
        index, wanted = copy, replace(wanted, copy_to=None)
    ready = prepared(cluster, index, encoder, wanted)
    place, fields = wanted.copy_to or ready.index, ready.record.fields
    kept = RejectsFile(wanted.rejects or Path(f"{place}.rejects"))
    kept.check()
    kept.reach()
    client = IndexClient(cluster, ready.index, None, wanted.writing.max_outage)
    check_whole(client)
    begun = Enrichment(place, fields.text, fields.vector, notes=ready.notes)
    counts = Counts(begun, [client], kept, on_progress or (lambda report: None))
    try:
        _run(InPlace(cluster, client, ready, encoder, wanted.writing, counts), wanted)
    finally:
        kept.close()
    return counts.report()


def _run(work: InPlace, wanted: Wanted) -> None:
    chosen = wanted.query or EVERYTHING
    if wanted.dry_run:
        work.look(chosen)
    elif wanted.copy_to:
        _copy(work, wanted.copy_to)
        if wanted.follow:
            _follow_copy(work, wanted)
    else:
        _check_rights(work, "enrich-follow" if wanted.follow else "enrich", work.ready.index)
        rehearse_write(work.client, "update")
        work.ready.write(work.cluster)
        if wanted.follow:
            work.follow(chosen)
        else:
            work.all(chosen)


def _check_rights(work: InPlace, role: str, index: str) -> None:
    """Raise AccessError for a permission that will be needed, before anything is encoded."""
    there = () if work.ready.new else ("indices:admin/mapping/put",)
    work.client.persist(lambda: require(work.cluster, role, index, but=there))


def _copy(work: InPlace, name: str) -> None:
    cluster, writing = work.cluster, work.writing
    _check_rights(work, "enrich-copy", work.ready.index)
    _check_rights(work, "enrich-copy", name)
    token = new_token()
    RUNNING.add(token)
    place = work.client.persist(lambda: open_copy(cluster, work.ready, name, work.encoder, token))
    writer = IndexClient(cluster, name, None, writing.max_outage, place.lease)
    work.counts.clients.append(writer)
    Copy(cluster, work.client, writer, work.ready, place, work.encoder, writing, work.counts).run()


def _follow_copy(work: InPlace, wanted: Wanted) -> None:
    cluster, name = work.cluster, str(wanted.copy_to)
    ready = prepared(cluster, name, work.encoder, replace(wanted, copy_to=None))
    client = IndexClient(cluster, name, None, work.writing.max_outage)
    replace(work, client=client, ready=ready, again=[]).follow(EVERYTHING)
