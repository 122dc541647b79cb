"""The body of an index that is to be as another one, with vectors beside its text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from mappings.existing.adding import missing_properties, with_record
from mappings.existing.fields import resolved
from mappings.record import IndexRecord, settings_of

# What is of one index and no other, or would be in the way while its copy is filled: a final
# pipeline would change once more what was stored as it is.
_OF_ONE = (
    *("uuid", "creation_date", "creation_date_string", "provided_name", "version", "history"),
    *("resize", "shrink", "blocks", "verified_before_close", "verified_read_only"),
    *("final_pipeline", "derived_source"),
)


def copied_body(
    description: Mapping[str, Any], record: IndexRecord, distribution: str, nested: str | None
) -> dict[str, Any]:
    """The body of PUT /INDEX for the copy of an index that GET /INDEX describes.

    All of its settings and its mapping stay, but that vectors can be searched in it and its
    `_source` holds everything, without which no update keeps a document whole. Aliases are none of
    it: they follow when all is there.
    """
    mapping = {k: v for k, v in description["mappings"].items() if k != "_source"}
    settings = {k: v for k, v in settings_of(description).items() if k not in _OF_ONE}
    limits = {k: v for k, v in (settings.pop("mapping", None) or {}).items() if k != "source"}
    settings |= {"mapping": limits} if limits else {}
    # Where an index that was shrunk, split or cloned began: no new one can be made with that.
    routing = settings.pop("routing", None) or {}
    allocation = {**(routing.get("allocation") or {})}
    allocation.pop("initial_recovery", None)
    settings |= {"routing": {**routing, "allocation": allocation}} if routing else {}
    settings |= {"knn": "true"} if distribution == "opensearch" else {}
    added = missing_properties(record, resolved(mapping), distribution, nested)
    return {
        "settings": {"index": settings},
        "mappings": {
            **mapping,
            "_meta": with_record(mapping, record),
            "properties": {**(mapping.get("properties") or {}), **added},
        },
    }


def lost_fields(mapping: Mapping[str, Any]) -> tuple[str, ...]:
    """What of a mapping's `_source` is left out, as patterns; what it keeps, as +PATTERN."""
    source = mapping.get("_source") or {}
    kept = (f"+{each}" for each in source.get("includes") or ())
    return (*(source.get("excludes") or ()), *kept)


def is_lost(mapping: Mapping[str, Any], field: str) -> bool:
    """Whether a mapping's `_source` has no field of this dotted name."""
    source = mapping.get("_source") or {}

    def among(patterns: Iterable[str]) -> bool:
        return any(
            fnmatchcase(f"{field}.", f"{each}.*") or fnmatchcase(field, each) for each in patterns
        )

    kept = source.get("includes") or ()
    off = source.get("enabled") is False
    return off or among(source.get("excludes") or ()) or bool(kept and not among(kept))
