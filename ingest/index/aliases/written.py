"""The index that is written through a name, and which no ingestion can write into."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cluster.error_body import BLOCKS, lifting
from ingest.errors import BlockedError, IndexRefusedError
from ingest.index.describe import find_index, kind_of
from mappings import Fields, settings_of
from mappings.existing import is_lost

if TYPE_CHECKING:
    from cluster import Cluster

Descriptions = Mapping[str, dict[str, Any]]


def written(found: Descriptions, name: str) -> str | None:
    """Which of the indexes behind a name is written into: of an alias, the one the cluster takes.

    It is the alias's write index, or its only one unless that is said to be none; else None.
    """
    if name in found:
        return name
    marks = {
        index: each.get("aliases", {}).get(name, {}).get("is_write_index")
        for index, each in found.items()
    }
    chosen = [index for index, mark in marks.items() if mark or (mark is None and len(marks) == 1)]
    return chosen[0] if chosen else None


def writable(cluster: Cluster, name: str) -> tuple[str, dict[str, Any], tuple[str, ...]] | None:
    """The index that is written through a name, its description, and what to say of the others.

    None where there is none. Raises IndexRefusedError for several without a write index, and for an
    alias that stands for a part of an index.
    """
    found = find_index(cluster, name)
    if not found:
        return None
    if (concrete := written(found, name)) is None:
        raise IndexRefusedError(_none_written(name, found))
    description = found[concrete]
    check_whole_index(name, concrete, description)
    return concrete, description, _others(name, concrete, len(found))


def check_whole_index(name: str, index: str, description: Mapping[str, Any]) -> None:
    """Raise IndexRefusedError for an alias by which only a part of an index is found.

    What is written or removed by ids, or by what the source lacks, would be of the whole index.
    """
    alias = description.get("aliases", {}).get(name, {}) if name != index else {}
    parts = ("a filter" if "filter" in alias else "", _routing(alias))
    if said := " and ".join(filter(None, parts)):
        raise IndexRefusedError(
            f"{name!r} is an alias of index {index!r} with {said}, by which only a part of the "
            f"index is found, and the whole would be changed: name the index itself, {index!r}."
        )


def _routing(alias: Mapping[str, Any]) -> str:
    return "a routing" if any(key in alias for key in ("index_routing", "search_routing")) else ""


def _none_written(name: str, found: Descriptions) -> str:
    """Why nothing is written through a name."""
    listed = ", ".join(sorted(found))
    if kind_of(name, found) == "a data stream":
        return (
            f"{name!r} is a data stream of {len(found)} indexes ({listed}), which takes a document "
            "once and never again: ingest into an index of no stream, and name those of this one "
            "singly to enrich or adopt them."
        )
    if len(found) > 1:
        return (
            f"{name!r} is an alias of {len(found)} indexes ({listed}) and has no write index: name "
            "one of them, or make one of them its write index."
        )
    return (
        f"{name!r} is an alias of {listed} that is not to be written through (is_write_index is "
        "false): name the index."
    )


def _others(name: str, index: str, count: int) -> tuple[str, ...]:
    if count == 1:
        return ()
    return (
        f"{name!r} is an alias of {count} indexes, of which {index!r} alone is written into: a "
        "document that another one has too is found twice.",
    )


# Of what comes from a template, which a new index of another name may have too.
_ELSEWHERE = (
    "ingest into another index and, if an index template says so, under a name that the template "
    "does not match"
)


def check_takes_documents(name: str, description: Mapping[str, Any]) -> None:
    """Raise IndexRefusedError for an index of a kind that no ingestion can write into."""
    mapping = description["mappings"]
    if stream := description.get("data_stream"):
        raise IndexRefusedError(
            f"index {name!r} is of the data stream {stream!r}, which takes a document once and "
            f"never again: {_ELSEWHERE}; `enrich(cluster, {name!r}, encoder)` gives vectors to "
            "what the stream holds."
        )
    if (mapping.get("_routing") or {}).get("required"):
        raise IndexRefusedError(
            f"index {name!r} takes no document without a routing (_routing.required), and an "
            f"ingestion gives none: {_ELSEWHERE}, or index the documents as their owner does and "
            "give them vectors with `enrich(cluster, name, encoder)`."
        )


def check_unblocked(name: str, description: Mapping[str, Any], *, writes: bool = True) -> None:
    """Raise BlockedError for an index whose settings forbid what is to be done, before any work.

    writes: whether documents are written, which is more than the mapping. What blocks a whole
    cluster stands elsewhere, and is told by the first request that it refuses.
    """
    found = settings_of(description).get("blocks") or {}
    named = {"index.blocks." + kind for kind, value in found.items() if str(value) == "true"}
    named -= set() if writes else {"index.blocks.write"}
    if held := [each for each in BLOCKS if each.setting in named]:
        told = ", ".join(each.setting for each in held)
        what = "writes" if writes else "changes"
        raise BlockedError(
            f"index {name!r} takes no {what} ({told}): {lifting(held, name)}, and run the same "
            "command again."
        )


def check_own_fields(name: str, description: Mapping[str, Any], fields: Fields) -> None:
    """Raise IndexRefusedError where `_source` loses what tells and shows stored documents."""
    needed = (fields.content_hash, fields.document_id, fields.text)
    if lost := [each for each in needed if is_lost(description["mappings"], each)]:
        raise IndexRefusedError(
            f"the _source of index {name!r} lacks {', '.join(lost)}, so what is stored there could "
            f"be neither told from what is new nor shown: {_ELSEWHERE}."
        )
