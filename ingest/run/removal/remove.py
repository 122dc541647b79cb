"""Remove documents by their ids or by a filter, with all their passages, of what Tandem wrote."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from cluster.diagnosis.rights import require
from ingest.errors import IndexRefusedError, IngestError
from ingest.index.aliases.generations import record_of
from ingest.index.aliases.written import check_unblocked, check_whole_index
from ingest.index.describe import check_name, kind_of
from ingest.run.deduplicate import no_room
from ingest.run.removal import stored
from ingest.run.removal.listing import Listing
from ingest.settings import Writing
from ingest.write import updates
from ingest.write.client import IndexClient
from ingest.write.refresh import refresh
from ingest.write.whole import check_whole
from mappings import Fields
from tandem.base.arguments import as_texts, checked_arguments

if TYPE_CHECKING:
    from cluster import Cluster

# Ids in one query; a cluster takes 65,536.
_IDS = 1000


@dataclass(frozen=True)
class Removal:
    """What goes, or went, of an index.

    documents and passages: how many; sample: some of the documents' ids; missing: ids that were
    named and that no document of Tandem's has; done: whether they are removed; changed: passages
    that others changed meanwhile, which stay.
    """

    index: str
    documents: int = 0
    passages: int = 0
    sample: tuple[str, ...] = ()
    missing: tuple[str, ...] = field(default=())
    done: bool = False
    changed: int = 0

    def to_json(self) -> dict[str, Any]:
        """The object that the command line prints."""
        return {
            "index": self.index,
            "documents": self.documents,
            "passages": self.passages,
            "missing": list(self.missing),
            "removed": self.done,
            "changed": self.changed,
        }


@checked_arguments(IngestError)
def remove(
    cluster: Cluster,
    index: str,
    *,
    ids: Iterable[str] = (),
    filter: Mapping[str, Any] | None = None,
    confirm: Callable[[Removal], bool] = lambda found: True,
) -> Removal:
    """Remove documents with all their passages from an index, or from the one behind an alias.

    ids: of documents; or filter: query DSL, any passage that meets it names its document. confirm:
    called with what would go, False leaves all as it is. What Tandem did not write stays.

    Raises IngestError unless ids or a filter are given; IndexRefusedError for an index without
    Tandem's record and for an alias of several, OutageError, BlockedError, ClusterError.
    """
    wanted = list(dict.fromkeys(as_texts("ids", ids, IngestError, "ids of documents")))
    if bool(wanted) == bool(filter):
        raise IngestError("one of `ids` and `filter` is needed: say which documents are to go.")
    name, fields = _index(cluster, index)
    require(cluster, "remove", name)
    client = IndexClient(cluster, name, None, Writing().max_outage)
    check_whole(client)
    with closing(sqlite3.connect("")) as database:
        try:
            listing = Listing(database)
            found = _found(client, fields, wanted, filter, database, listing)
            if not found.passages or not confirm(found):
                return found
            changes = updates.delete(client, listing.versions())
        except sqlite3.OperationalError as error:
            raise no_room(error) from error
    refresh(client)
    return replace(found, passages=changes.done, changed=changes.kept, done=True)


def _index(cluster: Cluster, name: str) -> tuple[str, Fields]:
    check_name(name)
    found = cluster.get_index(name)
    if len(found) != 1:
        raise IndexRefusedError(
            f"{name!r} is {kind_of(name, found)} of {', '.join(sorted(found))}, so nothing was "
            "removed: name the index itself."
        )
    ((own, description),) = found.items()
    check_whole_index(name, own, description)
    check_unblocked(own, description)
    if (record := record_of(own, description)) is None:
        raise IndexRefusedError(
            f"index {own!r} was not made by Tandem (its mapping has no record of an encoder), so "
            "nothing was removed: the cluster's own _delete_by_query does it."
        )
    return own, record.fields


def _found(
    client: IndexClient,
    fields: Fields,
    ids: list[str],
    query: Mapping[str, Any] | None,
    database: sqlite3.Connection,
    listing: Listing,
) -> Removal:
    """List what is to go."""
    database.execute("CREATE TABLE named (document TEXT PRIMARY KEY)")
    if query:
        for page in stored.passages(client, fields, query):
            names = [(document,) for _, document in page]
            database.executemany("INSERT OR IGNORE INTO named VALUES (?)", names)
    else:
        database.executemany("INSERT INTO named VALUES (?)", [(each,) for each in ids])
    for documents in _pages(database.execute("SELECT document FROM named")):
        for page in stored.passages(client, fields, {"terms": {fields.document_id: documents}}):
            listing.add(page)
    passages, count = listing.counts()
    held = "SELECT document FROM named WHERE document NOT IN (SELECT document FROM gone)"
    missing = [] if query else [each for (each,) in database.execute(held)]
    return Removal(client.index, count, passages, listing.sample(), tuple(missing))


def _pages(rows: Iterator[tuple[str]]) -> Iterator[list[str]]:
    while page := [each for (each,) in islice(rows, _IDS)]:
        yield page
