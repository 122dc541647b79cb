"""What an answer of the cluster means for what was sent: pure functions, no network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

# Statuses that pass by themselves.
TRANSIENT = frozenset({429, 502, 503, 504})
# A node that is being closed answers 500, and so does a defect that will never pass.
DOUBTFUL = 500
TOO_LARGE = 413
# k-NN's own breaker answers 400, as a document with a wrong field would.
_BREAKER = "circuit breaker triggered"
_REFUSALS = {401: "forbidden", 403: "forbidden", 404: "gone"}
_CLOSED = "index_closed_exception"
# k-NN quotes the whole vector in its complaint.
_PREVIEW = re.compile(r" ?Preview of field's value: '.*?'(?=$|:)", re.S)
_LONGEST_REASON = 500


class Fate(Enum):
    """What becomes of one item of a bulk request."""

    DONE = "done"
    RETRY = "retry"
    DOUBT = "doubt"
    REJECT = "reject"
    BLOCKED = "blocked"
    FORBIDDEN = "forbidden"
    GONE = "gone"


# What ends a run, because no document is to blame.
FATAL = (Fate.BLOCKED, Fate.FORBIDDEN, Fate.GONE)


@dataclass(frozen=True)
class Verdict:
    """The fate of an item, and the cluster's reason unless it is done."""

    fate: Fate
    reason: str = ""


_DONE = Verdict(Fate.DONE)


def result_of(item: dict[str, Any]) -> tuple[int, Any]:
    """Status and error object, None without one, of one item of a bulk answer."""
    (result,) = item.values()
    return result["status"], result.get("error")


def judge(status: int, error: Any) -> Verdict:
    """The verdict on one item of a bulk answer, from its status and its error object."""
    if error is None and status < 300:
        return _DONE
    reason = reason_of(error) or f"HTTP {status}"
    if is_block(status, error):
        return Verdict(Fate.BLOCKED, reason)
    if status in TRANSIENT or _BREAKER in reason.lower():
        return Verdict(Fate.RETRY, reason)
    if isinstance(error, dict) and error.get("type") == _CLOSED:
        return Verdict(Fate.GONE, reason)
    if status in _REFUSALS:
        return Verdict(Fate(_REFUSALS[status]), reason)
    return Verdict(Fate.DOUBT if status == DOUBTFUL else Fate.REJECT, reason)


def is_block(status: int, error: Any) -> bool:
    """Whether an owner, or a full disk, forbids writes; a block of 503 passes at a start."""
    kind = str(error.get("type")) if isinstance(error, dict) else ""
    return kind == "cluster_block_exception" and status != 503


def reason_of(error: Any) -> str:
    """The reasons in an error object, outermost first, each said once, on one line."""
    if not isinstance(error, dict):
        return " ".join(str(error).split()) if error else ""
    reasons: list[str] = []
    for each in _chain(error):
        said = _PREVIEW.sub("", " ".join(str(each.get("reason") or each.get("type") or "").split()))
        if said and not any(said in known for known in reasons):
            reasons.append(said)
    return ": ".join(reason[:_LONGEST_REASON] for reason in reasons)


def _chain(error: dict[str, Any]) -> Iterator[dict[str, Any]]:
    each: Any = error
    while isinstance(each, dict):
        yield each
        each = each.get("caused_by")
