"""Tandem itself, from Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def loader(job: dict[str, Any]) -> Callable[[], None]:
    from tandem import Encoder, connect, ingest

    cluster = connect(job["url"], timeout=120)
    encoder = Encoder.load(job["model"], precision=job["precision"], device="cpu")

    def load() -> None:
        ingest(job["file"], index=job["index"], cluster=cluster, encoder=encoder)

    return load


class Tandem:
    """One query and many."""

    def __init__(self, job: dict[str, Any]) -> None:
        from tandem import Searcher, connect

        cluster = connect(job["url"], timeout=120)
        # No vector is kept, as with the others.
        self._searcher = Searcher(cluster, job["index"], model=job["model"], cache=0)

    def knn(self, text: str) -> list[Any]:
        return list(self._searcher.search(text, mode="knn"))

    def hybrid(self, text: str) -> list[Any]:
        return list(self._searcher.search(text, mode="hybrid"))

    def many(self, mode: str, texts: list[str]) -> list[list[Any]]:
        pairs = [(str(number), text) for number, text in enumerate(texts)]
        return [list(each.result or ()) for each in self._searcher.search_many(pairs, mode=mode)]


def searcher(job: dict[str, Any]) -> Tandem:
    return Tandem(job)
