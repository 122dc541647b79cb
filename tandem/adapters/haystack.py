"""A Haystack component over a `Searcher` (extra `haystack`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from haystack import Document, component

from query import FilterError, Hit, Searcher

_RANGES = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}
_LOGIC = {"AND": "filter", "OR": "should"}


@component
class TandemRetriever:
    """Hybrid, kNN or BM25 search as a Haystack retriever.

    searcher: stays its owner's to close; filters and top_k: for runs that say none of their own;
    options: of `Searcher.search` (mode, where, collapse, rerank, ...).
    """

    def __init__(
        self,
        searcher: Searcher,
        *,
        top_k: int = 10,
        filters: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        self.searcher = searcher
        self.top_k = top_k
        self.filters = filters
        self.options = options

    @component.output_types(documents=list[Document])
    def run(
        self, query: str, filters: dict[str, Any] | None = None, top_k: int | None = None
    ) -> dict[str, list[Document]]:
        """The best passages, best first; filters as Haystack writes them, in place of the own ones.

        A document has the passage's text, id and score, and the stored fields as its meta. Raises
        FilterError for a filter that Haystack does not have, and what `Searcher.search` raises.
        """
        chosen = filters or self.filters
        result = self.searcher.search(
            query,
            k=self.top_k if top_k is None else top_k,
            filter=to_dsl(chosen) if chosen else None,
            **self.options,
        )
        return {"documents": [_document(hit) for hit in result]}

    def to_dict(self) -> NoReturn:
        """Raise TypeError: what holds connections is not written into a pipeline's file."""
        raise TypeError(
            "a searcher holds connections and a model and cannot be written into a file: add "
            "TandemRetriever(searcher) to the pipeline once it is loaded."
        )


def _document(hit: Hit) -> Document:
    return Document(id=hit.id, content=hit.text, meta=dict(hit.source), score=hit.score)


def to_dsl(filters: Mapping[str, Any]) -> dict[str, Any]:
    """Query DSL for a comparison or a combination in Haystack's form; `meta.` is left out."""
    operator = filters.get("operator")
    conditions = filters.get("conditions")
    if isinstance(conditions, list) and operator == "NOT":  # not all of them together
        return {"bool": {"must_not": [to_dsl({**filters, "operator": "AND"})]}}
    if isinstance(conditions, list) and operator in _LOGIC:
        return {"bool": {_LOGIC[operator]: [to_dsl(each) for each in conditions]}}
    if not {"field", "value"} <= filters.keys():
        raise FilterError(
            f"{dict(filters)!r} is no filter of Haystack's: give field, operator and value, or "
            "operator AND, OR or NOT and conditions."
        )
    name, value = str(filters["field"]).removeprefix("meta."), filters["value"]
    exists = {"exists": {"field": name}}
    equal = exists if value is None else {"terms": {name: value if _many(value) else [value]}}
    if operator in _RANGES:
        return {"range": {name: {_RANGES[operator]: value}}}
    if operator not in ("==", "!=", "in", "not in"):
        raise FilterError(
            f"{operator!r} is no comparison of Haystack's: use ==, !=, >, >=, <, <=, in or not in."
        )
    wanted = (operator in ("==", "in")) is (value is not None)
    return equal if wanted else {"bool": {"must_not": [equal]}}


def _many(value: Any) -> bool:
    return isinstance(value, list | tuple | set)
