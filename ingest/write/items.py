"""The items of a bulk answer: tied to what was sent, and what each says became of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ingest.records import Passage
from ingest.write.client import DONE, Fate, IndexClient, TransientError, Verdict, judge

# What the cluster says of a document that is stored now.
_STORED = ("created", "updated")
# And of one that an ingest pipeline dropped.
_DROPPED = "noop"


def verb(passage: Passage) -> str:
    """How a passage is stored: where nothing is, or in place of the version that was seen."""
    return "create" if passage.replaces is None else "index"


def untied(sent: Sequence[str], items: Sequence[dict[str, Any]]) -> str | None:
    """Why the items of an answer are not those that were sent, or None where they may be.

    By number and action alone: an ingest pipeline may have changed an id.
    """
    if len(items) != len(sent):
        return f"the answer has {len(items):,} items and {len(sent):,} were sent"
    wrong = (action for action, item in zip(sent, items, strict=True) if action not in item)
    return next((f"the answer has an item that is no {action!r}" for action in wrong), None)


def untied_ids(action: str, ids: Sequence[str], items: Sequence[dict[str, Any]]) -> str | None:
    """The same, by id too."""
    told = (item[action].get("_id") for item in items if action in item)
    return untied([action] * len(ids), items) or next(
        (
            f"the answer is about {answered!r} where {sent!r} was sent"
            for sent, answered in zip(ids, told, strict=True)
            if answered != sent
        ),
        None,
    )


class Items:
    """Reads the items of answers to requests that index passages."""

    def __init__(self, client: IndexClient) -> None:
        self._client = client
        self._pipelines = ""

    def verdicts(
        self, passages: Sequence[Passage], items: Sequence[dict[str, Any]]
    ) -> list[Verdict]:
        """One verdict a passage, in their order.

        Raises TransientError where this cannot be the answer to these.
        """
        verbs = [verb(each) for each in passages]
        if fault := untied(verbs, items):
            raise TransientError(fault, None)
        return [
            self._verdict(passage.id, item[action])
            for passage, action, item in zip(passages, verbs, items, strict=True)
        ]

    def _verdict(self, sent: str, result: dict[str, Any]) -> Verdict:
        place, ours = (result.get("_index"), result.get("_id")), (self._client.index, sent)
        said = result.get("result")
        verdict = judge(result["status"], result.get("error"))
        if place == ours and verdict is not DONE:
            return verdict
        if place == ours and said in _STORED:
            return DONE
        if place == ours and said != _DROPPED:
            raise TransientError(f"the answer says {said!r} of {sent!r}, which was indexed", None)
        pipelines = self._known_pipelines()
        doing = f"ingest pipeline {pipelines or 'unknown'} does that"
        if not pipelines and place != ours:
            raise TransientError(f"the answer is about {place[1]!r} where {sent!r} was sent", None)
        if verdict.fate is Fate.CONFLICT:
            return Verdict(Fate.REJECT, f"{_moved(*place)}, and that is there already: {doing}")
        if verdict is not DONE:
            return verdict
        became = "it was not stored (result noop)" if place == ours else _moved(*place)
        return Verdict(Fate.REJECT, f"{became}: {doing}")

    def _known_pipelines(self) -> str:
        self._pipelines = self._pipelines or self._client.pipelines()
        return self._pipelines


def _moved(index: Any, passage: Any) -> str:
    return f"it was stored as {passage!r} in index {index!r}, where nobody looks for it"
