"""Whether a model made the vectors that it is compared with, in an index that does not say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mappings.existing import has_vector, values_at
from query.body.request import JSON, Request, dumps
from query.target import Target, VectorField
from tandem.base.vectors import Vector, cosine
from tandem.base.wire import path_of

if TYPE_CHECKING:
    from cluster import Capabilities

# Documents that are compared, and the fewest that say anything.
SAMPLE, LEAST = 8, 3
# The median cosine between a vector that a model made of a text, and what it makes of the text as a
# query, is above this whatever its prompts and templates; that of two models is about 0.
SAME_MODEL = 0.3

# Since this version vectors are no part of what `_source` shows.
_HIDDEN = (9, 2)
# A text, and the vectors that are stored for it: float32 [passages, dim], of nested ones several.
Pair = tuple[str, Vector]


def sample_request(target: Target, field: VectorField, can: Capabilities) -> Request:
    """Asks for some documents with a vector, each with the same chance."""
    query = {
        "function_score": {
            "query": {"bool": {"filter": [has_vector(field.name, target.types)]}},
            "random_score": {},
            "boost_mode": "replace",
        }
    }
    body: dict[str, Any] = {
        "size": SAMPLE,
        "query": query,
        "_source": [*target.shown_text, field.name],
        "track_total_hits": False,
    }
    if can.distribution == "elasticsearch" and can.version >= _HIDDEN:
        if field.nested is None:
            body["fields"] = [field.name]
        else:
            body["_source"] = {"includes": body["_source"], "exclude_vectors": False}
    return Request("POST", path_of(target.name, "_search"), {}, dumps(body), JSON)


def pairs_in(hits: Sequence[Mapping[str, Any]], target: Target, field: VectorField) -> list[Pair]:
    """What can be compared of an answer's hits."""
    return [pair for hit in hits if (pair := _pair(hit, target, field)) is not None]


def _pair(hit: Mapping[str, Any], target: Target, field: VectorField) -> Pair | None:
    source = hit.get("_source") or {}
    shown = (hit.get("fields") or {}).get(field.name)
    numbers = shown or list(values_at(source, field.name.split(".")))
    found = values_at(source, target.fields.text.split("."))
    text = "\n".join(each for each in found if isinstance(each, str)).strip()
    try:
        stored = np.asarray(numbers, dtype=np.float32).reshape(-1, field.dimension)
    except (TypeError, ValueError):
        return None
    right = len(stored) == 1 or (field.nested is not None and len(stored) > 0)
    return (text, stored) if text and right and field.element != "binary" else None


def misfit(
    target: Target, field: VectorField, model: str, pairs: Sequence[Pair], made: Sequence[Vector]
) -> str | None:
    """The sentence for a model that did not make what is stored; made: of the texts, by it."""
    if len(pairs) < LEAST:
        return None
    stored = (vectors for _, vectors in pairs)
    nearest = [
        max(cosine(one, other) for one in several)
        for several, other in zip(stored, made, strict=True)
    ]
    middle = float(np.median(nearest))
    if middle >= SAME_MODEL:
        return None
    return (
        f"the vectors of index {target.name!r} in {field.name!r} do not seem to be of {model}: of "
        f"{len(pairs)} documents that were encoded again the median cosine to what is stored is "
        f"{middle:.2f}; `adopt_index(cluster, {target.name!r}, encoder)` says which model fits."
    )
