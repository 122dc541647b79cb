"""Files of queries in, results as JSON and as TREC run lines out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from query.answer.results import Answer, Explanation, Hit, Result
from query.errors import QueryError
from query.question import Query, is_text, visible


def result_json(result: Result) -> dict[str, Any]:
    """The object that the command line prints of one search."""
    found: dict[str, Any] = {
        "took_ms": result.took_ms,
        "mode": result.mode,
        "hits": [hit_json(hit) for hit in result.hits],
        "partial": result.partial,
        "notes": list(result.notes),
    }
    return {**found, "fusion": result.fusion} if result.fusion else found


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
        "index": hit.index,
        "raw_score": hit.raw_score,
        "cosine": hit.cosine,
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


def answer_json(answer: Answer) -> dict[str, Any]:
    """One line of a JSONL run: the query, and its hits or its error."""
    query = answer.query
    found: dict[str, Any] = {"id": visible(query.id), "query": visible(query.text)}
    if answer.result is None:
        return {**found, "error": answer.error}
    return {**found, **result_json(answer.result)}


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


# First bytes of a compressed file -> what unpacks it.
_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
_IDS, _TEXTS = ("_id", "id", "qid", "query_id"), ("text", "query", "title")


def read_queries(path: str | Path) -> list[Query]:
    """All queries of a file or BEIR folder, as `parse_queries` reads them; raises QueryError."""
    given = Path(path) / "queries.jsonl" if Path(path).is_dir() else Path(path)
    try:
        with given.open("rb") as file:
            return parse_queries(file, str(given))
    except OSError as error:
        raise QueryError(f"the queries {given} cannot be read: {error.strerror}.") from error


def parse_queries(lines: Iterable[bytes], name: str) -> list[Query]:
    """All queries of a file, in its order; empty lines are skipped.

    The form follows from the file's name (.jsonl, .tsv), else from the first line that is not
    empty: a JSON object, an id and a text with a tab between them, or a text, whose id then is the
    line's number. A first line that names the columns of a table is no query. Raises QueryError for
    a line that is not of that form, and for an id met twice.
    """
    queries: dict[str, Query] = {}
    form = "jsonl" if name.endswith((".jsonl", ".ndjson")) else None
    form = "tsv" if name.endswith(".tsv") else form
    for number, raw in enumerate(lines, start=1):
        text = _decoded(raw, name, number).strip("\r\n\ufeff")
        if not text.strip():
            continue
        form = form or _form(text, name, number)
        if number == 1 and form == "tsv" and _is_header(text):
            continue
        query = _query(text, form, name, number)
        if query.id in queries:
            raise QueryError(
                f"{name}:{number}: the query id {query.id!r} was met before: give each its own id."
            )
        queries[query.id] = query
    if not queries:
        raise QueryError(f"{name} has no queries: write one a line.")
    return list(queries.values())


def _form(text: str, name: str, number: int) -> str:
    if text.lstrip().startswith("["):
        try:
            is_array = isinstance(json.loads(text), list)
        except json.JSONDecodeError:
            is_array = text.strip() in ("[", "[{")
        if is_array:
            raise QueryError(
                f"{name}:{number}: a JSON array, whose queries would be taken for one: write one "
                "JSON object a line, as `jq -c '.[]'` does."
            )
    return "jsonl" if text.startswith("{") else "tsv" if "\t" in text else "plain"


def _is_header(text: str) -> bool:
    id_, _, rest = text.lower().partition("\t")
    return id_.strip() in _IDS and rest.strip() in _TEXTS


def _decoded(raw: bytes, name: str, number: int) -> str:
    if number == 1 and (program := next((p for m, p in _PACKED.items() if raw.startswith(m)), "")):
        raise QueryError(
            f"{name} is compressed: unpack it, as in `{program} -dc {name} > queries`."
        )
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise QueryError(
            f"{name}:{number}: byte {raw[error.start]:#04x} is not UTF-8: convert the file."
        ) from error


def _query(text: str, form: str, name: str, number: int) -> Query:
    if form == "plain":
        return Query(str(number), text.strip())
    if form == "tsv":
        id_, tab, rest = text.partition("\t")
        if not tab or not id_.strip():
            raise QueryError(
                f"{name}:{number}: no tab between an id and a text: write both, or no ids at all."
            )
        return Query(id_.strip(), rest.strip())
    return _of_object(_object(text, name, number), name, number)


def _object(text: str, name: str, number: int) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise QueryError(
            f"{name}:{number}: not valid JSON at column {error.colno}: {error.msg}."
        ) from error
    if not isinstance(found, dict):
        raise QueryError(f"{name}:{number}: not a JSON object: write an id and a text.")
    return found


def _of_object(found: dict[str, Any], name: str, number: int) -> Query:
    id_ = next((found[key] for key in _IDS if found.get(key) is not None), None)
    text = next((found[key] for key in _TEXTS if isinstance(found.get(key), str)), None)
    if id_ is None or text is None:
        raise QueryError(
            f"{name}:{number}: the query has no {'id' if id_ is None else 'text'}: write it as "
            '{"_id": "q1", "text": "..."}.'
        )
    if isinstance(id_, bool) or not isinstance(id_, (str, int)):
        raise QueryError(
            f"{name}:{number}: the query's id is {json.dumps(id_)[:40]}: give a text or a number."
        )
    return Query(str(id_), text)
