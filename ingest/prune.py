"""Remove documents that the source no longer has, after a complete read and a question."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

from ingest import amend
from ingest.errors import IngestError
from ingest.index import OpenIndex
from ingest.link import Link, TransientError
from ingest.seen import Seen, no_room
from ingest.tally import Tally

PAGE = 1000
_KEEP_ALIVE = "5m"
# Called with the number of passages to remove and some of their documents' ids; True removes them.
Confirm = Callable[[int, list[str]], bool]


def check_prunable(tally: Tally) -> None:
    """Raise IngestError where it is not sure what is gone.

    Rejected lines without an id may be documents that seem gone, and a source without a single
    document is one that went wrong.
    """
    if not tally.report().read:
        raise IngestError(
            "nothing was pruned, because the source has no documents: look whether it is the right "
            "one; `tandem index delete` removes an index with all it holds."
        )
    if tally.anonymous_rejects:
        raise IngestError(
            f"nothing was pruned, because {tally.anonymous_rejects:,} rejected lines have no "
            "readable id and may be documents that seem to be gone: mend them first."
        )


def prune(link: Link, index: OpenIndex, seen: Seen, tally: Tally, confirm: Confirm) -> None:
    """Delete every passage whose document was not seen in this run, if `confirm` says so.

    The candidates wait in a temporary database, not in memory. Raises OutageError and IngestError.
    """
    gone = sqlite3.connect("")
    try:
        gone.execute("CREATE TABLE gone (passage TEXT, document TEXT)")
        for page in _pages(link, index):
            absent = [each for each in page if each[1] not in seen]
            gone.executemany("INSERT INTO gone VALUES (?, ?)", absent)
        (count,) = gone.execute("SELECT count(*) FROM gone").fetchone()
        sample = [d for (d,) in gone.execute("SELECT DISTINCT document FROM gone LIMIT 3")]
        if count and confirm(count, sample):
            rows = gone.execute("SELECT passage FROM gone")
            tally.count("pruned", amend.delete(link, (passage for (passage,) in rows)))
    except sqlite3.OperationalError as error:
        raise no_room(error) from error
    finally:
        gone.close()


def _pages(link: Link, index: OpenIndex) -> Iterator[list[tuple[str, str]]]:
    """(passage id, document id) of everything in the index, a page at a time."""
    field = index.fields.document_id
    link.ask("POST", f"/{index.name}/_refresh")
    body: dict[str, Any] = {"size": PAGE, "_source": [field], "sort": ["_doc"]}
    answer = link.ask("POST", f"/{index.name}/_search", body, scroll=_KEEP_ALIVE)
    try:
        while hits := answer["hits"]["hits"]:
            yield [(hit["_id"], str(hit["_source"].get(field, hit["_id"]))) for hit in hits]
            scroll = {"scroll": _KEEP_ALIVE, "scroll_id": answer["_scroll_id"]}
            answer = _next_page(link, scroll)
    finally:
        link.ask("DELETE", "/_search/scroll", {"scroll_id": [answer["_scroll_id"]]})


def _next_page(link: Link, scroll: dict[str, str]) -> Any:
    try:
        return link.once("POST", "/_search/scroll", scroll)
    except TransientError as error:
        # A page asked for twice would skip one.
        raise IngestError(
            f"nothing was pruned, because the cluster stopped answering ({error}): run the same "
            "command again."
        ) from error
