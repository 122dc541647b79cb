"""The documents of hits that were ranked without them: what reads them, and their responses whole.

Of a search whose hits carry sequence numbers alone (query/body/hybrid.py, ranked_apart).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from query.body.request import SubSearch
from query.body.search_plan import SearchPlan

NUMBER = "_seq_no"
Response = Mapping[str, Any]


def reading_of(plan: SearchPlan, responses: Sequence[Response]) -> SubSearch | None:
    """The search for the documents of a plan's hits, None where it has none to read."""
    numbers = [hit.get(NUMBER) for hit in _ranked(plan, responses)]
    if plan.reader is None or not numbers or None in numbers:
        return None
    body = {**plan.reader.body, "size": len(numbers), "query": {"terms": {NUMBER: numbers}}}
    return replace(plan.reader, body=body)


def with_documents(
    plan: SearchPlan, responses: Sequence[Response], read: Response | None
) -> Sequence[Response] | None:
    """The responses, their hits with their documents; None where one is not as it was ranked.

    read: the answer to `reading_of(plan, responses)`. A document that was changed in between has
    another number, and one that was deleted has none.
    """
    ranked = _ranked(plan, responses)
    if not ranked:
        return responses
    main = responses[0]
    if read is None or "error" in read or main["_shards"]["total"] != 1:
        return None
    documents = {_key(hit): hit for hit in read["hits"]["hits"]}
    if any(_key(hit) not in documents for hit in ranked):
        return None
    hits = [{**documents[_key(hit)], "_score": hit["_score"]} for hit in ranked]
    took = int(main.get("took", 0)) + int(read.get("took", 0))
    return [{**main, "took": took, "hits": {**main["hits"], "hits": hits}}, *responses[1:]]


def _ranked(plan: SearchPlan, responses: Sequence[Response]) -> Sequence[Response]:
    """The hits that have no documents yet; the search that was ranked apart is the first."""
    if plan.reader is None or "error" in responses[0]:
        return ()
    hits: Sequence[Response] = responses[0]["hits"]["hits"]
    return hits


def _key(hit: Response) -> tuple[Any, Any]:
    return hit.get("_index"), hit.get(NUMBER)
