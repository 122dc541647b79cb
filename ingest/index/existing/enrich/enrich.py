"""Vectors for documents that are in a cluster already, in place or in a copy of their index."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.errors import IndexRefusedError
from ingest.index.existing.enrich.copied_index import end_half_ended, open_copy
from ingest.index.existing.enrich.copy import Copy
from ingest.index.existing.enrich.counts import Counts, Enrichment, OnProgress
from ingest.index.existing.enrich.in_place import InPlace
from ingest.index.existing.enrich.prepare import Passages, Wanted, prepared
from ingest.index.existing.enrich.walk import EVERYTHING
from ingest.index.loading import new_token
from ingest.index.note import RUNNING
from ingest.read.rejects import RejectsFile
from ingest.records import PassageEncoder
from ingest.settings import Writing
from ingest.write.client import IndexClient
from mappings.existing import Roles

if TYPE_CHECKING:
    from cluster import Cluster


def enrich(
    cluster: Cluster,
    index: str,
    encoder: PassageEncoder,
    *,
    text_field: str | None = None,
    title_field: str | None = None,
    vector_field: str | None = None,
    query: Mapping[str, Any] | None = None,
    passages: Passages | None = None,
    copy_to: str | None = None,
    follow: bool = False,
    writing: Writing | None = None,
    rejects: Path | None = None,
    dry_run: bool = False,
    on_progress: OnProgress | None = None,
) -> Enrichment:
    """Give each document of an index the vector of its text; what is current is left alone.

    text_field: what is encoded, after the title where title_field is given; vector_field: None for
    the text's name and `_vector`; query: of the cluster, which documents, None for all; passages:
    of a text that is longer than the model reads, "first" alone has a vector, which is counted, or
    with "nested" each has one, in nested objects, None for as the index was begun; rejects: where
    refused documents go, None for INDEX.rejects. Nobody's change is overwritten: an update holds
    only for the version that was read. The same call again takes up what is new or changed.

    copy_to: the name of a new index, which becomes a copy with vectors, to which all aliases then
    move; the old index stays. follow: go on with what is new or changed until KeyboardInterrupt,
    which ends the call in order. Raises IngestError and the errors of the cluster and the encoder.
    """
    wanted = Wanted(Roles(text_field, title_field), vector_field, passages, copy_to)
    if copy_to and query:
        raise IndexRefusedError("a copy has all documents: leave out `query` or `copy_to`.")
    if copy_to and not dry_run and end_half_ended(cluster, copy_to):
        index, wanted = copy_to, replace(wanted, copy_to=None)
    ready = prepared(cluster, index, encoder, wanted)
    place = wanted.copy_to or ready.index
    kept = RejectsFile(rejects or Path(f"{place}.rejects"))
    kept.check()
    settings, fields = writing or Writing(), ready.record.fields
    client = IndexClient(cluster, ready.index, time.sleep, settings.max_outage)
    begun = Enrichment(place, fields.text, fields.vector, notes=ready.notes)
    counts = Counts(begun, [client], kept, on_progress or (lambda report: None))
    work = InPlace(cluster, client, ready, encoder, settings, counts)
    chosen = query or EVERYTHING
    try:
        if dry_run:
            work.look(chosen)
        elif wanted.copy_to:
            _copy(work, wanted.copy_to)
            if follow:
                _follow_copy(work, wanted)
        else:
            ready.write(cluster)
            work.follow(chosen) if follow else work.all(chosen)
    finally:
        kept.close()
    return counts.report()


def _copy(work: InPlace, name: str) -> None:
    cluster, writing = work.cluster, work.writing
    token = new_token()
    RUNNING.add(token)
    place = work.client.persist(lambda: open_copy(cluster, work.ready, name, work.encoder, token))
    writer = IndexClient(cluster, name, time.sleep, writing.max_outage, place.lease)
    work.counts.clients.append(writer)
    Copy(cluster, work.client, writer, work.ready, place, work.encoder, writing, work.counts).run()


def _follow_copy(work: InPlace, wanted: Wanted) -> None:
    cluster, name = work.cluster, str(wanted.copy_to)
    ready = prepared(cluster, name, work.encoder, replace(wanted, copy_to=None))
    client = IndexClient(cluster, name, time.sleep, work.writing.max_outage)
    replace(work, client=client, ready=ready, again=[]).follow(EVERYTHING)
