"""Whether an index's own documents can be given vectors, or those of a copy alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ingest.errors import IndexRefusedError
from mappings import settings_of
from mappings.existing import lost_fields
from tandem.base.wire import path_of

if TYPE_CHECKING:
    from cluster import Cluster


def needs_copy(cluster: Cluster, index: str, description: Mapping[str, Any]) -> bool:
    """Whether an index's documents can have vectors in a copy alone.

    Raises IndexRefusedError where they cannot have any.
    """
    settings = settings_of(description)
    hindered = hindrance(index, description["mappings"], settings)
    try:
        check_in_place(cluster, index, description, hindered)
    except IndexRefusedError:
        if "data_stream" in description:
            raise
        return True
    return False


def check_in_place(
    cluster: Cluster, index: str, description: Mapping[str, Any], hindered: str | None
) -> None:
    """Refuse what only a copy can have; hindered: why an update would destroy fields."""
    if hindered:
        raise IndexRefusedError(
            f"the _source of index {index!r} {hindered}, so an update would destroy what it does "
            f"not hold: {_copying(index, description)}."
        )
    knn = settings_of(description).get("knn") == "true"
    if cluster.capabilities.distribution == "opensearch" and not knn:
        raise IndexRefusedError(
            f"index {index!r} has index.knn false, which cannot be changed, so vectors in it "
            f"cannot be searched: {_instead(index, description)}."
        )


def _instead(index: str, description: Mapping[str, Any]) -> str:
    """What to do with an index that cannot have vectors; one of a stream cannot be replaced."""
    if stream := description.get("data_stream"):
        return (
            "have index.knn true in the index template of the data stream, and POST "
            f"{path_of(stream, '_rollover')} begins an index that can"
        )
    return _copying(index, description)


def _copying(index: str, description: Mapping[str, Any]) -> str:
    if "data_stream" in description:  # whose indexes cannot be replaced
        return "ingest its documents from where they came into an index of no data stream"
    return f"`copy_to={index + '-2'!r}` makes a copy that can"


def hindrance(index: str, mapping: Mapping[str, Any], settings: Mapping[str, Any]) -> str | None:
    """Why an update would destroy fields, None where it would not.

    Raises IndexRefusedError where not even a copy can be made.
    """
    source = mapping.get("_source") or {}
    of_mapping = (settings.get("mapping") or {}).get("source") or {}
    derived = (settings.get("derived_source") or {}).get("enabled") == "true"
    if source.get("enabled") is False:
        raise IndexRefusedError(
            f"the _source of index {index!r} is off, so its documents can be neither updated nor "
            "copied: ingest them from where they came into a new index."
        )
    if lost_fields(mapping):
        return "leaves fields out"
    if derived or "synthetic" in (source.get("mode"), of_mapping.get("mode")):
        return "is derived from other fields"
    return None
