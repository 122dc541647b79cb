"""What an index holds of Tandem's: strangers' documents are neither counted nor shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cluster.client.shards import silence
from ingest.errors import IngestError
from ingest.records import FORGOTTEN, Version, wrote
from ingest.write.client import IndexClient, TransientError
from ingest.write.lookup import version_of
from ingest.write.refresh import refresh
from mappings import Fields
from tandem.base.wire import path_of

PAGE = 1000
_KEEP_ALIVE = "5m"


@dataclass(frozen=True)
class Census:
    """How many passages an index holds, and how many of them have a vector."""

    passages: int
    with_vector: int


def census(client: IndexClient, fields: Fields) -> Census:
    """Refresh and count, once every shard answers: a node that went may be on its way back.

    Those that are to be written anew are left out.
    A stranger's document counts where it has a vector and both of the fields that tell ours apart.
    """
    stamped = _stamped(fields)
    has_vector = _both(stamped, {"exists": {"field": fields.vector}})
    refresh(client)
    path = path_of(client.index, "_count")
    passages = client.ask("POST", path, {"query": stamped}, doubt=silence)["count"]
    with_vector = client.ask("POST", path, {"query": has_vector}, doubt=silence)["count"]
    return Census(passages, with_vector)


def without_vector(client: IndexClient, fields: Fields) -> Iterator[list[Version]]:
    """Passages without a vector, a page at a time."""
    blank = {"bool": {"must_not": [{"exists": {"field": fields.vector}}]}}
    query = _both(_stamped(fields), blank)
    return ([passage for passage, _ in page] for page in _pages(client, fields, query))


def passages(
    client: IndexClient, fields: Fields, query: Mapping[str, Any] | None = None
) -> Iterator[list[tuple[Version, str]]]:
    """(passage, document id) of all passages, or of what meets a query, a page at a time."""
    refresh(client)
    marked = _marked(fields)
    return _pages(client, fields, _both(marked, dict(query)) if query else marked)


def _marked(fields: Fields) -> dict[str, Any]:
    """What Tandem wrote has both fields; what else has them is found out when it is read."""
    return _both(
        {"exists": {"field": fields.document_id}}, {"exists": {"field": fields.content_hash}}
    )


def _stamped(fields: Fields) -> dict[str, Any]:
    forgotten = {"bool": {"must_not": [{"term": {fields.content_hash: FORGOTTEN}}]}}
    return _both(_marked(fields), forgotten)


def _both(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {"bool": {"filter": [one, other]}}


def _pages(
    client: IndexClient, fields: Fields, query: dict[str, Any]
) -> Iterator[list[tuple[Version, str]]]:
    read = [fields.document_id, fields.content_hash]
    body = {
        "size": PAGE,
        "_source": read,
        "sort": ["_doc"],
        "query": query,
        "seq_no_primary_term": True,
    }
    path = path_of(client.index, "_search")
    answer = client.ask("POST", path, body, doubt=silence, scroll=_KEEP_ALIVE)
    try:
        while hits := answer["hits"]["hits"]:
            yield [
                (version_of(hit), hit["_source"][fields.document_id])
                for hit in hits
                if wrote(hit["_id"], hit.get("_source", {}), fields)
            ]
            scroll = {"scroll": _KEEP_ALIVE, "scroll_id": answer["_scroll_id"]}
            answer = _next_page(client, scroll)
    finally:
        client.ask("DELETE", "/_search/scroll", {"scroll_id": [answer["_scroll_id"]]})


def _next_page(client: IndexClient, scroll: dict[str, str]) -> Any:
    try:
        answer = client.once("POST", "/_search/scroll", scroll)
        if missing := silence(answer):
            raise TransientError(missing, None)
    except TransientError as error:
        # A page asked for twice would skip one.
        raise IngestError(
            f"what is stored could not be read to the end, because the cluster stopped answering "
            f"({error}), so nothing was removed: run the same command again."
        ) from error
    return answer
