"""Remove what the source no longer has, of what Tandem wrote, and no more than was allowed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from ingest.errors import IngestError
from ingest.run.deduplicate import Seen, no_room
from ingest.run.removal import stored
from ingest.run.removal.listing import Listing
from ingest.settings import check_number
from ingest.tally import Tally
from ingest.write import updates
from ingest.write.client import IndexClient
from mappings import Fields
from tandem.base.arguments import checked_arguments

# Called with the number of passages to remove and some of their documents' ids; True removes them.
Confirm = Callable[[int, list[str]], bool]


@checked_arguments(IngestError)
@dataclass(frozen=True)
class PruneLimit:
    """How many documents may be removed: a fixed number, or a share of those held, at least 5.

    A source that was cut short looks like one whose documents are gone.
    """

    share: float | None = 0.1
    number: int = 5

    def __post_init__(self) -> None:
        """Refuse a number below 0 and a share that is none."""
        check_number("the number of `max_prune`", self.number, 0)
        if self.share is not None:
            check_number("the share of `max_prune`", self.share, 0, 1)

    def most(self, held: int) -> int:
        """Of so many documents."""
        return self.number if self.share is None else max(self.number, int(self.share * held))


@dataclass(frozen=True)
class Candidates:
    """What a prune would remove.

    passages and documents: how many are to go; held: documents of Tandem's in the index; sample:
    some of the documents' ids.
    """

    passages: int
    documents: int
    held: int
    sample: tuple[str, ...]
    listing: Listing

    def check(self, index: str, limit: PruneLimit) -> None:
        """Raise IngestError where more are to go than may."""
        if self.documents > (most := limit.most(self.held)):
            raise IngestError(
                f"nothing was pruned, because {self.documents:,} of {self.held:,} documents in "
                f"index {index!r} are not in the source and at most {most:,} may be removed: look "
                f"whether the source is whole, and if it is, allow it with "
                f"`max_prune={self.documents}`."
            )


def check_prunable(read: int, anonymous: int) -> None:
    """Raise IngestError where it is not sure what is gone.

    read: documents; anonymous: rejected lines without an id, which may be documents that seem gone.
    A source without a single document is one that went wrong.
    """
    if not read:
        raise IngestError(
            "nothing was pruned, because the source has no documents: look whether it is the right "
            "one; `delete_index(cluster, name)` removes an index with all it holds."
        )
    if anonymous:
        raise IngestError(
            f"nothing was pruned, because {anonymous:,} rejected lines have no "
            "readable id and may be documents that seem to be gone: mend them first."
        )


def prune(
    client: IndexClient,
    fields: Fields,
    seen: Seen,
    tally: Tally,
    confirm: Confirm,
    limit: PruneLimit | None,
) -> str | None:
    """Delete every passage of Tandem's whose document was not seen, if `confirm` says so.

    limit: looked at before anything is removed; None allows all. Returns what is to be told of
    those that stay. Raises OutageError and IngestError.
    """
    database = sqlite3.connect("")
    try:
        found = candidates(client, fields, seen, database)
        if limit:
            found.check(client.index, limit)
        if found.passages and confirm(found.passages, list(found.sample)):
            changes = updates.delete(client, found.listing.versions())
            tally.count("pruned", changes.done)
            if changes.kept:
                return (
                    f"{changes.kept:,} passages whose documents the source no longer has stay, "
                    "because they were changed meanwhile: the next run looks at them again."
                )
    except sqlite3.OperationalError as error:
        raise no_room(error) from error
    finally:
        database.close()
    return None


def candidates(
    client: IndexClient, fields: Fields, seen: Seen, database: sqlite3.Connection
) -> Candidates:
    """Look through the index for documents that were not seen."""
    held, listing = 0, Listing(database)
    for page in stored.passages(client, fields):
        held += sum(passage.id == document for passage, document in page)
        listing.add(each for each in page if each[1] not in seen)
    return Candidates(*listing.counts(), held, listing.sample(), listing)
