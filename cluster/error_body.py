"""What stands in the body of a refusal: its error object, the reasons in that, and its kind."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

# k-NN quotes the whole vector in its complaint.
_PREVIEW = re.compile(r" ?Preview of field's value: '.*?'(?=$|:)", re.S)
_LONGEST_REASON = 500
# Where the reason stands; the last two in what Amazon's services answer before the cluster does.
_WORDS = ("reason", "type", "message", "Message")


def error_in(refusal: Any) -> Any:
    """The error object of what the client raised for an answer of 400 or more, or its plain text.

    refusal: opensearch-py's TransportError.
    """
    body = refusal.info if len(refusal.args) > 2 else None
    said = body.get("error", body) if isinstance(body, Mapping) else body
    # A refresh that is forbidden says so only of its shards.
    shards = said.get("_shards") if isinstance(said, Mapping) else None
    if isinstance(shards, Mapping) and (failures := shards.get("failures")):
        said = failures[0].get("reason")
    return said or refusal.error


def reason_of(error: Any) -> str:
    """The reasons in an error object, outermost first, each said once, on one line."""
    if not isinstance(error, Mapping):
        return _line(error)[:_LONGEST_REASON] if error else ""
    reasons: list[str] = []
    for cause in _chain(error):
        words = (cause.get(name) for name in _WORDS)
        said = _PREVIEW.sub("", _line(next(filter(None, words), "")))
        if said and not any(said in known for known in reasons):
            reasons.append(said)
    return ": ".join(reason[:_LONGEST_REASON] for reason in reasons)


def kind_of(error: Any) -> str:
    """The type of an error object, as index_closed_exception; plain text is its own."""
    return str(error.get("type", "") if isinstance(error, Mapping) else error)


def is_block(error: Any) -> bool:
    """Whether an owner, a full disk or a start (which passes, HTTP 503) forbids the request."""
    return kind_of(error).endswith("block_exception")


def _chain(error: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """An error object, its cause, the cause of that: a root cause where no other is told."""
    cause: Any = error
    while isinstance(cause, Mapping):
        yield cause
        cause = cause.get("caused_by") or next(iter(cause.get("root_cause") or ()), None)


def _line(text: Any) -> str:
    return " ".join(str(text).split())
