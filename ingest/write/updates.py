"""Deletes and small updates of what is stored: every item settled, as passages are."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

import orjson

from ingest.errors import IncompleteError
from ingest.write.client import FATAL, Fate, IndexClient, judge
from ingest.write.items import untied_ids

# Items in one request: at most about half a megabyte of ids.
PAGE = 1000
_MISSING = 404
_TRIES = 5


def delete(client: IndexClient, ids: Iterable[str]) -> int:
    """Delete passages; those that are not there are gone already. Returns how many were deleted.

    Raises BlockedError, OutageError, IndexRefusedError, IncompleteError.
    """
    lines = ((each, orjson.dumps({"delete": {"_id": each}}) + b"\n") for each in ids)
    return _amend(client, "delete", lines)


def update(client: IndexClient, ids: Iterable[str], values: dict[str, Any]) -> int:
    """Set fields of passages, and show it to searches; the same errors. Returns how many."""
    body = orjson.dumps({"doc": values})
    lines = ((each, orjson.dumps({"update": {"_id": each}}) + b"\n" + body + b"\n") for each in ids)
    return _amend(client, "update", lines, refresh="true")


# An id, and the lines of its item.
_Item = tuple[str, bytes]


def _amend(client: IndexClient, action: str, items: Iterable[_Item], **params: Any) -> int:
    params |= client.bulk_params
    waiting = iter(items)
    done = 0
    while page := list(islice(waiting, PAGE)):
        attempt = 0
        while page:
            results = _sent(client, action, page, params)
            taken, again = _settle(client, page, results, attempt)
            done += taken
            if again:
                client.wait(attempt, again[0][1])
            attempt += 1
            page = [item for item, _ in again]
    return done


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
) -> tuple[int, list[tuple[_Item, str]]]:
    """How many items were carried out, and those to send again with the reason."""
    done = 0
    again: list[tuple[_Item, str]] = []
    for item, result in zip(page, results, strict=True):
        status, error = result["status"], result.get("error")
        if error is None and status == _MISSING:
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
    return done, again
