"""Deletes and small updates of what is stored: every item settled, as passages are.

Each is tied to the version that was seen to be Tandem's: what somebody changed since stays.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson

from ingest.errors import IncompleteError
from ingest.records import Version
from ingest.write.client import CONFLICT, FATAL, Fate, IndexClient, judge
from ingest.write.items import untied_ids
from ingest.write.lookup import look_up

# Items in one request: at most about half a megabyte of ids.
PAGE = 1000
_MISSING = 404
_TRIES = 5


@dataclass(frozen=True)
class Changes:
    """How many passages were changed, and how many others had changed meanwhile, which stay."""

    done: int = 0
    kept: int = 0


def delete(client: IndexClient, versions: Iterable[Version]) -> Changes:
    """Delete passages in these versions; those that are not there are gone already.

    Raises BlockedError, OutageError, IndexRefusedError, IncompleteError.
    """
    lines = ((each.id, orjson.dumps({"delete": each.head()}) + b"\n") for each in versions)
    return _amend(client, "delete", lines)


def update(client: IndexClient, versions: Iterable[Version], values: dict[str, Any]) -> Changes:
    """Set fields of passages in these versions, and show it to searches; the same errors."""
    body = orjson.dumps({"doc": values}) + b"\n"
    lines = ((each.id, orjson.dumps({"update": each.head()}) + b"\n" + body) for each in versions)
    return _amend(client, "update", lines, refresh="true")


# An id, and the lines of its item.
_Item = tuple[str, bytes]


def _amend(client: IndexClient, action: str, items: Iterable[_Item], **params: Any) -> Changes:
    params |= client.bulk_params
    waiting = iter(items)
    done = kept = 0
    while page := list(islice(waiting, PAGE)):
        attempt = 0
        changed: list[str] = []
        while page:
            results = _sent(client, action, page, params)
            taken, conflicts, again = _settle(client, page, results, attempt)
            done += taken
            changed += conflicts
            if again:
                client.wait(attempt, again[0][1])
            attempt += 1
            page = [item for item, _ in again]
        # One that is gone is a conflict too, as when it went by a request without an answer.
        kept += len(look_up(client, changed))
    return Changes(done, kept)


def _sent(
    client: IndexClient, action: str, page: list[_Item], params: dict[str, Any]
) -> list[dict[str, Any]]:
    """One result an item, in their order; sent again until the answer is to these."""
    ids = [each for each, _ in page]
    answer = client.ask(
        "POST",
        client.bulk_path,
        b"".join(lines for _, lines in page),
        doubt=lambda answer: untied_ids(action, ids, answer["items"]),
        **params,
    )
    return [item[action] for item in answer["items"]]


def _settle(
    client: IndexClient, page: list[_Item], results: list[dict[str, Any]], attempt: int
) -> tuple[int, list[str], list[tuple[_Item, str]]]:
    """How many were carried out, ids that have other versions, what to send again and why."""
    done = 0
    conflicts: list[str] = []
    again: list[tuple[_Item, str]] = []
    for item, result in zip(page, results, strict=True):
        status, error = result["status"], result.get("error")
        if status == CONFLICT:
            conflicts.append(item[0])
        if status == CONFLICT or (error is None and status == _MISSING):
            continue
        verdict = judge(status, error)
        if verdict.fate in FATAL:
            raise client.fatal(verdict)
        if verdict.fate is Fate.DONE:
            done += 1
        elif verdict.fate is Fate.REJECT or (verdict.fate is Fate.DOUBT and attempt >= _TRIES):
            raise IncompleteError(
                f"index {client.index!r} refuses to change a passage that it holds "
                f"({verdict.reason}): mend that, and run the same command again."
            )
        else:
            again.append((item, verdict.reason))
    return done, conflicts, again
