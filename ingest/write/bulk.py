"""Vectors become bulk requests, and every item of every request is settled."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import numpy as np
import orjson

from ingest.records import PAUSE, TAKEN, Action, Passage, wrote
from ingest.settings import Writing
from ingest.tally import Outcome, Tally
from ingest.write.client import (
    DOUBT_TRIES,
    FATAL,
    Fate,
    IndexClient,
    TooLargeError,
    TransientError,
    Verdict,
)
from ingest.write.items import Items, verb
from ingest.write.lookup import Sample, look_up_versions
from mappings import Fields
from tandem.base.vectors import stored_as

_NUMPY = orjson.OPT_SERIALIZE_NUMPY
_ITEMS = ",".join(f"items.*.{name}" for name in ("status", "error", "_index", "_id", "result"))
SMALLEST_REQUEST = 64_000
# Seconds after which a request that is not full goes too.
LONGEST_WAIT = 1.0


def actions(
    passages: Iterator[Passage], fields: Fields, element: str = "float"
) -> Iterator[Action]:
    """Each passage as the two lines that store it, the vector written straight from its array.

    element: the numbers that the field of vectors holds.
    """
    for passage in passages:
        yield cast(Action, PAUSE) if passage is PAUSE else _made(passage, fields, element)


def _made(passage: Passage, fields: Fields, element: str) -> Action:
    if element != "float" and passage.vector is not None:
        vector = np.asarray(passage.vector, dtype=np.float32)
        passage = replace(passage, vector=stored_as(element, vector))
    return _action(passage, fields)


def _action(passage: Passage, fields: Fields) -> Action:
    document = {**passage.body, fields.content_hash: passage.stamp, fields.vector: passage.vector}
    where = {"_id": passage.id} if passage.replaces is None else passage.replaces.head()
    lines = orjson.dumps({verb(passage): where}), orjson.dumps(document, option=_NUMPY)
    return Action(passage, b"%b\n%b\n" % lines)


def requests(items: Iterator[Action], writing: Writing) -> Iterator[list[Action]]:
    """Actions in groups of at most max_count, and max_bytes unless one alone is larger.

    While others come, no action waits much longer than LONGEST_WAIT for a full request: what a slow
    encoder has made is stored soon, and a kill costs little. At a PAUSE none waits.
    """
    group: list[Action] = []
    size, began = 0, 0.0
    for action in items:
        if action is PAUSE:
            if group:
                yield group
            group, size = [], 0
            continue
        full = len(group) == writing.max_count or size + len(action.data) > writing.max_bytes
        if group and (full or time.monotonic() - began > LONGEST_WAIT):
            yield group
            group, size = [], 0
        if not group:
            began = time.monotonic()
        group.append(action)
        size += len(action.data)
    if group:
        yield group


class Budget:
    """Bytes that a request may have now: halved when the cluster groans, grown when it copes."""

    def __init__(self, most: int) -> None:
        self._most = float(most)
        self._now = float(most)
        self._lock = threading.Lock()

    @property
    def bytes(self) -> int:
        """Bytes that the next request may have."""
        return int(self._now)

    def shrink(self) -> None:
        """The cluster has too much to do."""
        with self._lock:
            self._now = max(min(SMALLEST_REQUEST, self._most), self._now / 2)

    def too_large(self, size: int) -> None:
        """The cluster takes no request of so many bytes, now or ever."""
        with self._lock:
            self._most = min(self._most, size - 1)
            self._now = min(self._now, size / 2)

    def grow(self) -> None:
        """The cluster took a request whole."""
        with self._lock:
            self._now = min(self._most, self._now * 1.1)


class Sender:
    """Sends groups of actions; one Sender serves all sending threads."""

    def __init__(
        self, client: IndexClient, fields: Fields, tally: Tally, budget: Budget, sample: Sample
    ) -> None:
        self._client, self._fields = client, fields
        self._items = Items(client)
        self._sample = sample
        self._tally = tally
        self._budget = budget

    def deliver(self, group: list[Action]) -> None:
        """Send until every action is settled: written, or rejected with its document.

        Raises BlockedError, OutageError, TooManyRejectsError, or the cluster's refusal.
        """
        waiting = deque(group)
        doubts: dict[str, int] = {}
        attempt = 0
        while waiting:
            batch, failure = self._take(waiting), None
            try:
                failed, reason = self._send(batch, doubts)
            except TransientError as error:
                failed, reason, failure = batch, str(error), error
                self._budget.shrink()
            if not failed:
                self._budget.grow()
                attempt = 0
                continue
            waiting.extendleft(reversed(failed))
            if reason:
                # Some were taken, or none: what was not is sent again, and only that.
                self._client.wait(attempt, reason, failure)
                attempt = attempt + 1 if len(failed) == len(batch) else 0

    def _take(self, waiting: deque[Action]) -> list[Action]:
        batch = [waiting.popleft()]
        size = len(batch[0].data)
        while waiting and size + len(waiting[0].data) <= self._budget.bytes:
            size += len(waiting[0].data)
            batch.append(waiting.popleft())
        return batch

    def _send(self, batch: list[Action], doubts: dict[str, int]) -> tuple[list[Action], str]:
        """Send one request; what must be sent again, and why ("" for at once, in smaller parts)."""
        body = b"".join(action.data for action in batch)
        try:
            answer = self._client.once(
                "POST", self._client.bulk_path, body, filter_path=_ITEMS, **self._client.bulk_params
            )
        except TooLargeError:
            if len(batch) > 1:
                self._budget.too_large(len(body))
                self._client.again()
                return batch, ""
            self._reject(batch[0], _too_large(len(body)))
            return [], ""
        return self._settle(batch, answer, doubts)

    def _settle(
        self, batch: list[Action], answer: dict[str, Any], doubts: dict[str, int]
    ) -> tuple[list[Action], str]:
        verdicts = self._items.verdicts([each.passage for each in batch], answer["items"])
        pairs = list(zip(batch, verdicts, strict=True))
        self._written([action for action, verdict in pairs if verdict.fate is Fate.DONE])
        again: list[Action] = []
        contested: list[Action] = []
        reason = ""
        for action, verdict in pairs:
            if verdict.fate in FATAL:
                raise self._client.fatal(verdict)
            if verdict.fate is Fate.REJECT or self._given_up(action, verdict, doubts):
                self._reject(action, verdict.reason)
            elif verdict.fate is Fate.CONFLICT:
                contested.append(action)
            elif verdict.fate is not Fate.DONE:
                again.append(action)
                reason = verdict.reason
        if again:
            self._budget.shrink()
        return again + self._settled_by_look(contested), reason

    def _settled_by_look(self, contested: list[Action]) -> list[Action]:
        """Of passages whose place is not as it was looked up, those to be sent again.

        An answer that was lost, or another load, may have stored the same; what is of others stays.
        """
        if not contested:
            return []
        fields, ids = self._fields, [action.passage.id for action in contested]
        found = look_up_versions(self._client, ids, fields.content_hash, fields.document_id)
        now = {version.id: (version, source) for version, source in found}
        same, again = [], []
        for action in contested:
            version, source = now.get(action.passage.id, (None, {}))
            if version and not wrote(version.id, source, fields):
                self._reject(action, TAKEN.format(version.id))
            elif source.get(fields.content_hash) == action.passage.stamp:
                same.append(action)
            else:
                again.append(_action(replace(action.passage, replaces=version), fields))
                self._client.again()
        self._written(same)
        return again

    @staticmethod
    def _given_up(action: Action, verdict: Verdict, doubts: dict[str, int]) -> bool:
        if verdict.fate not in (Fate.DOUBT, Fate.CONFLICT):
            return False
        doubts[action.passage.id] = doubts.get(action.passage.id, 0) + 1
        return doubts[action.passage.id] > DOUBT_TRIES

    def _written(self, batch: list[Action]) -> None:
        if batch:
            passages = [action.passage for action in batch]
            self._client.accepted()
            self._sample.add(passages)
            self._tally.settle(passages, Outcome.WRITTEN)

    def _reject(self, action: Action, reason: str) -> None:
        self._client.accepted()
        self._tally.reject_passage(action.passage, reason)


def _too_large(size: int) -> str:
    return f"the document makes a request of {size:,} bytes and the cluster takes none so large"
