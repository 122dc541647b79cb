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
    """One query and many; look and took: as script.Searcher has them."""

    def __init__(self, job: dict[str, Any]) -> None:
        from tandem import Searcher, connect

        self.look: dict[str, int | None] | None = None
        self.took, self._deep = 0, next(iter(job["looks"].values()))
        cluster = connect(job["url"], timeout=120)
        # No vector is kept, as with the others.
        self._searcher = Searcher(cluster, job["index"], model=job["model"], cache=0)

    def _tuning(self) -> dict[str, Any]:
        """What has Tandem ask for as much as `look` says; unasked, that is the first one."""
        if self.look in (None, self._deep):
            return {}
        from tandem import Knn, Tuning

        k = self.look["k"]
        return {"tuning": Tuning(depth=k, knn=Knn(ef_search=k))}

    def _one(self, mode: str, text: str) -> list[Any]:
        result = self._searcher.search(text, mode=mode, **self._tuning())
        self.took = result.took_ms
        return list(result)

    def bm25(self, text: str) -> list[Any]:
        return self._one("bm25", text)

    def knn(self, text: str) -> list[Any]:
        return self._one("knn", text)

    def hybrid(self, text: str) -> list[Any]:
        return self._one("hybrid", text)

    def many(self, mode: str, texts: list[str]) -> list[list[Any]]:
        pairs = [(str(number), text) for number, text in enumerate(texts)]
        answers = list(self._searcher.search_many(pairs, mode=mode, **self._tuning()))
        if failed := [each.error for each in answers if each.error]:
            raise SystemExit(failed[0])
        return [list(each.result) for each in answers]


def searcher(job: dict[str, Any]) -> Tandem:
    return Tandem(job)
