"""What was counted of all that a search finds: values of fields, and how much there is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from query.answer.results import Facet, FacetValue, Total
from query.body.facets import DOCUMENTS, EXACT_TOTAL, EXACT_VALUE, TOTAL
from query.body.request import failure
from query.body.search_plan import SearchPlan
from query.errors import AnswerError

Response = Mapping[str, Any]


def counted(plan: SearchPlan, response: Response) -> tuple[Total | None, tuple[Facet, ...]]:
    """The total, None where it was not asked for, and the facets; raises for a failed search.

    Raises AnswerError where the response lacks what was to be counted.
    """
    if "error" in response:
        raise failure(response)
    found = response.get("aggregations", {})
    try:
        facets = tuple(
            _facet(name, found[f"facet-{number}"]) for number, name in enumerate(plan.facets)
        )
        return _total(plan, response) if plan.question.total else None, facets
    except KeyError as error:
        raise AnswerError(
            f"the cluster's answer has no {error}, which was to be counted: look at any proxy "
            "before it."
        ) from error


def _total(plan: SearchPlan, response: Response) -> Total:
    if plan.question.collapse:
        value = int(response["aggregations"][TOTAL]["value"])
        return Total(value, value < EXACT_TOTAL)
    total = response["hits"]["total"]
    return Total(int(total["value"]), total["relation"] == "eq")


def _facet(name: str, found: Mapping[str, Any]) -> Facet:
    buckets = found["buckets"]
    documents = any(DOCUMENTS in bucket for bucket in buckets)
    counts = [int(b[DOCUMENTS]["value"] if documents else b["doc_count"]) for b in buckets]
    values = tuple(
        FacetValue(_written(bucket), count) for bucket, count in zip(buckets, counts, strict=True)
    )
    exact = found["doc_count_error_upper_bound"] == 0
    if documents:
        exact = exact and max(counts, default=0) < EXACT_VALUE
    return Facet(name, values, found["sum_other_doc_count"] > 0, exact)


def _written(bucket: Mapping[str, Any]) -> str:
    """A value as people write it."""
    value = bucket.get("key_as_string", bucket["key"])
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)
