"""What is counted of all that a search finds: values of fields, and how much there is.

It is a search by itself, sent along with the others, so that it counts the same whichever of
cluster and client fuses; it asks for no hits, so that clusters answer it from their cache page
after page.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from query.errors import FilterError, QueryError
from query.target import Target, nested_in, valued_field

# Most values of a field, those that are met most often.
MOST_VALUES = 20
MOST_FACETS = 50
# Documents of several passages are counted exactly up to so many, and about beyond that: of all
# that is found, and of one value (the cluster's `cardinality`, HyperLogLog++).
EXACT_TOTAL, EXACT_VALUE = 40_000, 3_000
TOTAL = DOCUMENTS = "documents"


def facet_fields(asked: Sequence[str], target: Target) -> tuple[dict[str, str], tuple[str, ...]]:
    """Name -> field that has its values, in their order, and what to say of them.

    A name may be a pattern of keywords, of which as many are counted as there is room for. Raises
    FilterError for a field that the index lacks or that has no values, QueryError for more than
    MOST_FACETS that are named in full.
    """
    named = {
        name: valued_field(name, target.types, target.name, "counted")[0]
        for name in asked
        if "*" not in name
    }
    if len(named) > MOST_FACETS:
        raise QueryError(
            f"the values of {len(named)} fields are to be counted, and {MOST_FACETS} is the most: "
            "name fewer with `facets`."
        )
    meant: dict[str, str] = {}
    for name in asked:
        meant |= _like(name, target) if "*" in name else {name: named[name]}
    others = [name for name in meant if name not in named]
    beyond = set(others[MOST_FACETS - len(named) :])
    return {name: field for name, field in meant.items() if name not in beyond}, _left(
        meant, beyond
    )


def _like(pattern: str, target: Target) -> dict[str, str]:
    """The fields of keywords that a pattern means; raises FilterError where there are none."""
    like = {each: each for each in _keywords(target) if fnmatchcase(each, pattern)}
    if not like and pattern != "*":  # all that there are may be none
        raise FilterError(
            f"index {target.name!r} has no field of keywords like {pattern!r}: name a field "
            "of another type in full."
        )
    return like


def _left(meant: Collection[str], beyond: Collection[str]) -> tuple[str, ...]:
    if not beyond:
        return ()
    return (
        f"the values of {len(meant) - len(beyond)} of the {len(meant)} fields that are asked for "
        "are counted, which is the most: name in full with `facets` those that you want.",
    )


def _keywords(target: Target) -> list[str]:
    """Fields of keywords that are the documents' own."""
    own = (target.fields.document_id, target.fields.content_hash)
    return [
        name
        for name, kind in target.types.items()
        if kind == "keyword" and name not in own and not nested_in(name, target.types)
    ]


def counting_body(
    query: Mapping[str, Any], facets: Mapping[str, str], *, total: bool, document_id: str | None
) -> dict[str, Any]:
    """A search for counts alone.

    facets: of facet_fields; document_id: the field that tells documents apart, where these are
    counted and not passages.
    """
    body: dict[str, Any] = {"size": 0, "query": query}
    body["track_total_hits"] = total and document_id is None
    aggregations = {f"facet-{n}": _values(f, document_id) for n, f in enumerate(facets.values())}
    if total and document_id is not None:
        aggregations[TOTAL] = _documents(document_id, EXACT_TOTAL)
    return {**body, "aggs": aggregations} if aggregations else body


def _values(field: str, document_id: str | None) -> dict[str, Any]:
    terms: dict[str, Any] = {"field": field, "size": MOST_VALUES}
    if document_id is None:
        return {"terms": terms}
    inner = {DOCUMENTS: _documents(document_id, EXACT_VALUE)}
    return {"terms": {**terms, "order": [{DOCUMENTS: "desc"}, {"_key": "asc"}]}, "aggs": inner}


def _documents(field: str, exact: int) -> dict[str, Any]:
    return {"cardinality": {"field": field, "precision_threshold": exact}}
