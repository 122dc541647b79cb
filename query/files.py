"""Results as JSON and as TREC run lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from mappings.types import vector_length
from query.answer.results import Answer, Explanation, Facet, Hit, Result
from query.errors import QueryError
from query.question import is_text, visible
from tandem.base.arguments import checked_arguments


def without_vectors(found: Any) -> Any:
    """What is shown as JSON, with how many numbers a vector has in its place.

    A vector is a list of numbers, or the text of one, as tables have it.
    """
    if isinstance(found, dict):
        return {name: without_vectors(each) for name, each in found.items()}
    if isinstance(found, list | str) and (length := vector_length(found)) is not None:
        several = f"{len(found)} vectors of " if isinstance(found[0], list) else ""
        return f"{several}{length} numbers"
    return [without_vectors(each) for each in found] if isinstance(found, list) else found


@checked_arguments(QueryError)
def result_json(result: Result) -> dict[str, Any]:
    """The object that the command line prints of one search, and the service answers.

    Of vectors it says how many numbers they have; the hits themselves hold them.
    """
    found: dict[str, Any] = {
        "took_ms": result.took_ms,
        "mode": result.mode,
        "hits": [hit_json(hit) for hit in result.hits],
        "partial": result.partial,
        "notes": list(result.notes),
    }
    if result.document_id_field:
        found["document_id_field"] = result.document_id_field
    if result.total:
        found["total"] = {"value": result.total.value, "exact": result.total.exact}
    if result.facets:
        found["facets"] = {facet.field: _facet_json(facet) for facet in result.facets}
    if result.fusion:
        found["fusion"] = result.fusion
    return {name: without_vectors(each) for name, each in found.items()}


def _facet_json(facet: Facet) -> dict[str, Any]:
    values = [{"value": each.value, "count": each.count} for each in facet.values]
    return {"values": values, "more": facet.more, "exact": facet.exact}


def hit_json(hit: Hit) -> dict[str, Any]:
    """One hit; what a search does not tell is left out."""
    found = {
        "rank": hit.rank,
        "id": hit.id,
        "score": hit.score,
        "text": hit.text,
        "source": hit.source,
    }
    more = {
        "title": hit.title,
        "index": hit.index,
        "raw_score": hit.raw_score,
        "cosine": hit.cosine,
        "boost": hit.boost,
        "document_id": hit.document_id,
        "others": hit.others,
        "before": hit.before and {"rank": hit.before.rank, "score": hit.before.score},
        "explain": hit.explanation and _explanation_json(hit.explanation, hit),
    }
    return {**found, **{name: value for name, value in more.items() if value is not None}}


def _explanation_json(explanation: Explanation, hit: Hit) -> dict[str, Any]:
    return {
        # A cross-encoder's score has no legs.
        "explains": "before.score" if hit.before else "score",
        "legs": {
            leg.leg: {
                "rank": leg.rank,
                "score": leg.score,
                "cosine": leg.cosine,
                "normalised": leg.normalised,
                "weight": leg.weight,
            }
            for leg in explanation.legs
        },
        "computed": explanation.computed,
        "formula": explanation.formula,
        "highlights": {
            field: [
                [{"text": text, "match": matched} for text, matched in fragment]
                for fragment in fragments
            ]
            for field, fragments in explanation.highlights.items()
        },
    }


@checked_arguments(QueryError)
def answer_json(answer: Answer) -> dict[str, Any]:
    """One line of a JSONL run: the query, and its hits or its error."""
    query = answer.query
    found: dict[str, Any] = {"id": visible(query.id), "query": visible(query.text)}
    if answer.result is None:
        return {**found, "error": answer.error}
    return {**found, **result_json(answer.result)}


@checked_arguments(QueryError)
def trec_lines(answer: Answer, tag: str) -> list[str]:
    """`qid Q0 docid rank score tag` for each hit; the document's id where hits are collapsed.

    Of an id that several indexes have, the best hit alone, as a run holds no id twice. Raises
    QueryError for an id that the format cannot hold.
    """
    lines: dict[str, str] = {}
    rank = answer.result.hits[0].rank if answer.result else 0
    scores = falling([hit.score for hit in answer.result or ()])
    for hit, score in zip(answer.result or (), scores, strict=True):
        name = name_of(hit, answer.result)
        for each in (answer.query.id, name):
            if fault := fault_of_id(each):
                raise QueryError(fault)
        line = f"{answer.query.id} Q0 {name} {rank + len(lines)} {score!r} {tag}"
        lines.setdefault(name, line)
    return list(lines.values())


def name_of(hit: Hit, result: Result | None) -> str:
    """What a run calls a hit: its document where hits are collapsed to documents, else itself."""
    return hit.document_id or hit.id if result and result.collapsed else hit.id


def falling(scores: Sequence[float]) -> list[float]:
    """Scores, best first, made to fall strictly in the 32 bits that trec_eval keeps of them.

    Its tools order a run by score alone, and equal scores by document id: where ours are equal, or
    rise, each gets the next smaller number, so that the order of the hits is kept.
    """
    made: list[float] = []
    last = np.float32(np.inf)
    for score in scores:
        falls = np.float32(score) < last
        last = np.float32(score) if falls else np.nextafter(last, np.float32(-np.inf))
        made.append(score if falls else float(str(last)))
    return made


def fault_of_id(name: str) -> str | None:
    """Why a TREC run cannot hold an id, with the cure, or None: white space separates its columns.

    The format has no way to escape it.
    """
    if name and is_text(name) and not re.search(r"\s", name):
        return None
    what = "white space" if is_text(name) else "half a character"
    return (
        f"the id {name!r} {f'has {what}' if name else 'is empty'}, which a TREC run cannot hold: "
        "write the run as JSONL, into a file whose name ends in .jsonl."
    )
