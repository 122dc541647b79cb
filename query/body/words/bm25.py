"""The clause that matches words."""

from __future__ import annotations

import difflib
import fnmatch
import math
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from query.body.words.query_syntax import taken_apart
from query.errors import QueryError, TargetError
from query.question import Bm25
from query.target import DATES, NUMBERS, VECTOR_TYPES, Target, nested_in

# What a passage gains from its fields beside the best one; measured on SciFact's training queries
# (nDCG@10 0.698 with the english analyzer; best field alone 0.682, sum of fields 0.674).
TIE_BREAKER = 0.3
# Types of fields that the cluster refuses to match words in.
WORDLESS = (*NUMBERS, *DATES, *VECTOR_TYPES, "boolean", "object", "nested")


def search_fields(bm25: Bm25, target: Target) -> list[str]:
    """The fields to search, with their boosts ("title^2"); raises TargetError for unknown ones."""
    if not bm25.fields:
        if not target.text_fields:
            raise TargetError(
                f"index {target.name!r} has no field of full text: search it with mode knn, or "
                "name another field with `fields`."
            )
        return list(target.text_fields)
    for field in bm25.fields:
        name, _, boost = field.partition("^")
        if boost and not _is_number(boost):
            raise QueryError(f"the boost of {field!r} is no number: write it as title^2.")
        if "*" not in name and name not in target.types:
            near = difflib.get_close_matches(name, target.types, n=3)
            hint = (
                f"did you mean {' or '.join(near)}?"
                if near
                else "see `describe_index(cluster, name)`."
            )
            raise TargetError(f"index {target.name!r} has no field {name!r}: {hint}")
        _check_words(name, target)
    return list(bm25.fields)


def _check_words(name: str, target: Target) -> None:
    kind = target.types.get(name)
    if kind in WORDLESS:
        raise TargetError(
            f"field {name!r} is of type {kind}, which has no words to match: name one of "
            f"{', '.join(target.text_fields) or 'full text'} with `fields`, and use "
            "`where` for values."
        )
    if path := nested_in(name, target.types):
        raise TargetError(
            f"field {name!r} is inside the nested field {path!r}, where words are not looked for: "
            "name another with `fields`."
        )


def _is_number(text: str) -> bool:
    try:
        return 0 < float(text) < math.inf
    except ValueError:
        return False


# Of a text with more words than the cluster takes: those by which a passage is told best.
MOST_TELLING = 100


def telling_words(
    text: str, bm25: Bm25, fields: Sequence[str], where: Mapping[str, Any] | None, target: Target
) -> dict[str, Any]:
    """The clause of a text of too many words: the cluster picks the rare ones of its index.

    By term frequency x inverse document frequency, as more_like_this does, of the first 5,000
    words. The text is taken as it is, without the syntax of queries.
    """
    names = [field.partition("^")[0] for field in fields]
    wanted = {full for name in names for full in fnmatch.filter(target.full_text, name)}
    like: dict[str, Any] = {"fields": sorted(wanted), "like": text, "max_query_terms": MOST_TELLING}
    like |= {"min_term_freq": 1, "min_doc_freq": 1}
    least = "100%" if bm25.operator == "and" else bm25.minimum_should_match
    like["minimum_should_match"] = 1 if least is None else least
    clause = {"more_like_this": like}
    return clause if where is None else {"bool": {"must": [clause], "filter": [dict(where)]}}


def words(text: str, bm25: Bm25, fields: Sequence[str]) -> dict[str, Any]:
    """The clause alone, without a filter: what may also be highlighted; fields: of search_fields.

    A passage's score is that of its best field plus a share of the others (best_fields).
    """
    match: dict[str, Any] = {"query": text, "fields": list(fields), "operator": bm25.operator}
    if len(fields) > 1:
        match |= {"type": "best_fields", "tie_breaker": TIE_BREAKER}
    if bm25.minimum_should_match is not None:
        match["minimum_should_match"] = bm25.minimum_should_match
    if bm25.fuzziness is not None:
        match["fuzziness"] = bm25.fuzziness
    clause = {"multi_match": match}
    if not bm25.phrase_boost:
        return clause
    phrase = phrase_clause(text, fields, boost=bm25.phrase_boost)
    return {"bool": {"must": [clause], "should": [phrase]}}


def bm25_clause(
    text: str, bm25: Bm25, fields: Sequence[str], where: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The clause with what else must or must not be met, none of which changes scores."""
    written = taken_apart(text)
    clause = words(written.plain, bm25, fields)
    # A phrase of stop words alone asks for nothing, and so excludes nothing.
    must = [phrase_clause(each, fields, zero_terms_query="all") for each in written.phrases]
    must += [dict(where)] if where is not None else []
    never = [phrase_clause(each, fields) for each in written.unwanted]
    if not must and not never:
        return clause
    found = {"must": [clause], "filter": must, "must_not": never}
    return {"bool": {name: clauses for name, clauses in found.items() if clauses}}


def phrase_clause(phrase: str, fields: Sequence[str], **more: Any) -> dict[str, Any]:
    """What is met by passages that have these words in a row in any of the fields."""
    return {"multi_match": {"query": phrase, "fields": list(fields), "type": "phrase", **more}}


def unwanted(text: str, fields: Sequence[str]) -> dict[str, Any] | None:
    """A filter that leaves out what a text does not want, None where it wants all."""
    found = [phrase_clause(each, fields) for each in taken_apart(text).unwanted]
    return {"bool": {"must_not": found}} if found else None


# Around a match, in the cluster's answer; no text of a user can hold what is drawn anew each time.
_OPEN, _CLOSE = (f"[{secrets.token_hex(8)}]" for _ in range(2))
_FRAGMENTS, _CHARACTERS = 2, 160

Fragment = list[tuple[str, bool]]


def highlight_body(clause: Mapping[str, Any], target: Target) -> dict[str, Any]:
    """What asks the cluster for fragments; clause: the words, whatever the search looks for."""
    return {
        "pre_tags": [_OPEN],
        "post_tags": [_CLOSE],
        "highlight_query": clause,
        "number_of_fragments": _FRAGMENTS,
        "fragment_size": _CHARACTERS,
        "fields": {name: {} for name in target.text_fields},
    }


def highlights(hit: Mapping[str, Any]) -> dict[str, list[Fragment]]:
    """Field -> fragments of a hit, each a list of (text, whether it matched)."""
    found: Mapping[str, list[str]] = hit.get("highlight", {})
    return {field: [_pieces(fragment) for fragment in each] for field, each in found.items()}


def _pieces(fragment: str) -> Fragment:
    pieces = []
    for number, part in enumerate(fragment.split(_OPEN)):
        if number == 0:
            pieces.append((part, False))
            continue
        match, _, rest = part.partition(_CLOSE)
        pieces += [(match, True), (rest, False)]
    return [(text, matched) for text, matched in pieces if text]
