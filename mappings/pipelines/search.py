"""How an index is to be searched where nothing is said: kept in the mapping's `_meta`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from mappings.errors import MappingError
from mappings.pipelines.pipeline import Combination, Fusion, Technique
from mappings.record import own_meta
from tandem.base.arguments import checked_arguments
from tandem.base.schema import as_type

# The key of the mapping's `_meta`, beside Tandem's record.
SEARCH = "search"


@checked_arguments(MappingError)
@dataclass(frozen=True)
class SearchSettings:
    """What a hybrid search of an index does unless its caller says otherwise.

    fusion, depth: None for the usual; fields: BM25's, with boosts as "title^2", empty for the
    index's own text and title.
    """

    fusion: Fusion | None = None
    depth: int | None = None
    fields: Sequence[str] = ()

    def to_meta(self) -> dict[str, Any]:
        """The value that `read_search` reads back; what is as usual is left out."""
        fusion = (
            {k: v for k, v in asdict(self.fusion).items() if v is not None} if self.fusion else None
        )
        found = {"fusion": fusion, "depth": self.depth, "fields": list(self.fields)}
        return {name: value for name, value in found.items() if value}


class _Fusion(Struct, forbid_unknown_fields=True):
    technique: Technique = "min_max"
    combination: Combination = "arithmetic_mean"
    weights: tuple[float, float] | None = None
    rank_constant: int = 60


class _Search(Struct, forbid_unknown_fields=True):
    fusion: _Fusion | None = None
    depth: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    fields: tuple[Annotated[str, Meta(min_length=1, max_length=1000)], ...] = ()


def read_search(mapping: Mapping[str, Any], index: str) -> SearchSettings | None:
    """Read them from one index's mapping, None where there are none; MappingError if damaged.

    What an index without Tandem's record has of that name is its owner's.
    """
    if (given := own_meta(mapping).get(SEARCH)) is None:
        return None
    try:
        found = as_type(given, _Search)
        fusion = Fusion(**msgspec.structs.asdict(found.fusion)) if found.fusion else None
    except (msgspec.ValidationError, MappingError) as error:
        reason = str(error).replace("`", "").replace("$.", "")
        raise MappingError(
            f"index {index!r} has settings of its searches in its mapping's _meta that are damaged "
            f"({reason}): remove them with `remove_search_settings(cluster, {index!r})`."
        ) from None
    return SearchSettings(fusion, found.depth, found.fields)
