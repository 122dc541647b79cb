"""Updates of single versions of documents: what changed meanwhile is left as it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import orjson

from cluster.error_body import kind_of
from ingest.index.existing.walk import Found
from ingest.write.bulk import Budget
from ingest.write.client import (
    FATAL,
    Fate,
    IndexClient,
    TooLargeError,
    TransientError,
    Verdict,
    judge,
)
from ingest.write.items import untied_ids

_ITEMS = "items.*.status,items.*.error,items.*._id,items.*.result"
_CONFLICT = 409
_MISSING = "document_missing_exception"
# How often an update is sent again whose failure (HTTP 500) may never pass.
_DOUBT_TRIES = 5


class Outcome(Enum):
    """What became of an update."""

    WRITTEN = "written"
    CHANGED = "changed"
    GONE = "gone"
    REFUSED = "refused"


@dataclass(frozen=True)
class Update:
    """Fields to set in one version of a document, and the two lines that do."""

    found: Found
    data: bytes


def guarded(found: Found, values: Mapping[str, Any]) -> Update:
    """An update that the cluster carries out only where the document is still this version."""
    lines = (
        orjson.dumps({"update": found.version.head()}),
        orjson.dumps({"doc": values}, option=orjson.OPT_SERIALIZE_NUMPY),
    )
    return Update(found, b"%b\n%b\n" % lines)


def send(
    client: IndexClient, budget: Budget, updates: list[Update]
) -> Iterator[tuple[Update, Outcome, str]]:
    """Send until every update is settled: (update, what became of it, the reason of a refusal).

    One whose answer was lost is a conflict the second time, and its document is looked at again.
    Raises BlockedError, OutageError, IndexRefusedError.
    """
    waiting, attempt, doubts = list(updates), 0, Counter[str]()
    while waiting:
        part = _within(waiting, budget.bytes)
        try:
            results = _results(client, part)
        except TooLargeError:
            if len(part) == 1:
                yield part[0], Outcome.REFUSED, "the cluster takes no request so large"
                waiting = waiting[1:]
            budget.too_large(sum(len(each.data) for each in part))
            continue
        except TransientError as error:
            budget.shrink()
            client.wait(attempt, str(error))
            attempt += 1
            continue
        again, reason = [], ""
        for update, result in zip(part, results, strict=True):
            outcome, why = _outcome(client, result, doubts)
            if outcome is None:
                again.append(update)
                reason = why
            else:
                yield update, outcome, why
        waiting = again + waiting[len(part) :]
        if again:
            budget.shrink()
            client.wait(attempt, reason)
        else:
            budget.grow()
            client.accepted()
        attempt = attempt + 1 if len(again) == len(part) else 0


def _within(waiting: list[Update], most: int) -> list[Update]:
    """The first updates, of so many bytes together, and at least one."""
    size = 0
    for count, each in enumerate(waiting):
        size += len(each.data)
        if count and size > most:
            return waiting[:count]
    return waiting


def _results(client: IndexClient, part: list[Update]) -> list[dict[str, Any]]:
    body = b"".join(each.data for each in part)
    answer = client.once("POST", client.bulk_path, body, filter_path=_ITEMS)
    if fault := untied_ids("update", [each.found.version.id for each in part], answer["items"]):
        raise TransientError(fault, None)
    return [item["update"] for item in answer["items"]]


def _outcome(
    client: IndexClient, result: Mapping[str, Any], doubts: Counter[str]
) -> tuple[Outcome | None, str]:
    """What became of one update; None where it must be sent again, with the reason."""
    status, error = result["status"], result.get("error")
    if status == _CONFLICT:
        return Outcome.CHANGED, ""
    if kind_of(error or {}) == _MISSING:
        return Outcome.GONE, ""
    verdict: Verdict = judge(status, error)
    if verdict.fate in FATAL:
        raise client.fatal(verdict)
    if verdict.fate is Fate.DONE:
        return Outcome.WRITTEN, ""
    if verdict.fate is Fate.DOUBT:
        doubts[result["_id"]] += 1
    given_up = doubts[result["_id"]] > _DOUBT_TRIES
    if verdict.fate is Fate.REJECT or given_up:
        return Outcome.REFUSED, verdict.reason
    return None, verdict.reason
