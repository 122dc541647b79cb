"""Updates of single versions of documents, and what else is sent item by item and settled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from cluster.error_body import kind_of
from ingest.index.existing.enrich.walk import StoredDocument
from ingest.write.bulk import Budget
from ingest.write.client import (
    CONFLICT,
    DOUBT_TRIES,
    FATAL,
    Fate,
    IndexClient,
    TooLargeError,
    TransientError,
    Verdict,
    judge,
)
from ingest.write.items import untied_ids
from tandem.base.wire import json_bytes

_ITEMS = "items.*.status,items.*.error,items.*._id,items.*.result"
_ABSENT = 404
_MISSING = "document_missing_exception"


class Outcome(Enum):
    """What became of an update."""

    WRITTEN = "written"
    CHANGED = "changed"
    GONE = "gone"
    REFUSED = "refused"


@dataclass(frozen=True)
class Update:
    """A document, and the lines of a bulk request that change it; action: update, index, delete."""

    found: StoredDocument
    data: bytes
    action: str = "update"


def indexed(found: StoredDocument, source: Mapping[str, Any]) -> Update:
    """The whole document, whatever is there."""
    lines = (json_bytes({"index": _head(found)}), json_bytes(source))
    return Update(found, b"%b\n%b\n" % lines, "index")


def deleted(found: StoredDocument) -> Update:
    """No such document."""
    return Update(found, json_bytes({"delete": _head(found)}) + b"\n", "delete")


def _head(found: StoredDocument) -> dict[str, Any]:
    known = {"_id": found.version.id, "routing": found.version.routing}
    return {name: value for name, value in known.items() if value is not None}


def guarded(found: StoredDocument, values: Mapping[str, Any]) -> Update:
    """An update that the cluster carries out only where the document is still this version."""
    lines = (json_bytes({"update": found.version.head()}), json_bytes({"doc": values}))
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
            client.wait(attempt, str(error), error)
            attempt += 1
            continue
        again, reason = [], ""
        for update, result in zip(part, results, strict=True):
            outcome, why = _outcome(client, update, result, doubts)
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
    answer = client.once("POST", client.bulk_path, body, filter_path=_ITEMS, **client.bulk_params)
    # One request changes documents in one way.
    action = part[0].action
    if fault := untied_ids(action, [each.found.version.id for each in part], answer["items"]):
        raise TransientError(fault, None)
    return [item[action] for item in answer["items"]]


def _outcome(
    client: IndexClient, update: Update, result: Mapping[str, Any], doubts: Counter[str]
) -> tuple[Outcome | None, str]:
    """What became of one update; None where it must be sent again, with the reason."""
    status, error = result["status"], result.get("error")
    if status == CONFLICT:
        return Outcome.CHANGED, ""
    absent = update.action == "delete" and status == _ABSENT and error is None
    if absent or kind_of(error or {}) == _MISSING:
        return Outcome.GONE, ""
    verdict: Verdict = judge(status, error)
    if verdict.fate in FATAL:
        raise client.fatal(verdict)
    if verdict.fate is Fate.DONE:
        return Outcome.WRITTEN, ""
    if verdict.fate is Fate.DOUBT:
        doubts[result["_id"]] += 1
    given_up = doubts[result["_id"]] > DOUBT_TRIES
    if verdict.fate is Fate.REJECT or given_up:
        return Outcome.REFUSED, verdict.reason
    return None, verdict.reason
