"""What a user writes around any function that encodes: an index, bulk requests, searches."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from opensearchpy import OpenSearch, helpers

TOP, TOGETHER, CHUNK = 10, 100, 512
Encode = Callable[[list[str]], Any]


def body(job: dict[str, Any]) -> dict[str, Any]:
    vector = {"type": "knn_vector", "dimension": job["dim"], "method": job["method"]}
    settings = {"knn": True, "number_of_replicas": 0, "refresh_interval": "-1"}
    return {
        "settings": {"index": settings},
        "mappings": {"properties": {"text": {"type": "text"}, "vector": vector}},
    }


def loader(job: dict[str, Any], encode: Encode) -> Callable[[], None]:
    client, index = OpenSearch(job["url"], timeout=120), job["index"]

    def actions(documents: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        vectors = encode([each["text"] for each in documents])
        for each, vector in zip(documents, vectors, strict=True):
            yield {"_index": index, "_id": each["id"], "text": each["text"], "vector": vector}

    def in_chunks(documents: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """So that the next chunk is encoded while the last one is sent."""
        for start in range(0, len(documents), CHUNK):
            yield from actions(documents[start : start + CHUNK])

    def load() -> None:
        client.indices.create(index=index, body=body(job))
        lines = Path(job["file"]).read_text("utf-8").splitlines()
        documents = [json.loads(line) for line in lines]
        if job["writer"] == "bulk":
            helpers.bulk(client, actions(documents))
        else:
            for succeeded, item in helpers.parallel_bulk(client, in_chunks(documents)):
                if not succeeded:
                    raise SystemExit(item)
        client.indices.refresh(index=index)

    return load


class Searcher:
    """One query and many, with the vectors of `encode`.

    look: k and ef_search of neighbours, and pagination_depth of a hybrid query, None where nothing
    is said of it; took: what the cluster says of the last query.
    """

    def __init__(self, job: dict[str, Any], encode: Encode) -> None:
        self._client, self._encode = OpenSearch(job["url"], timeout=120), encode
        self._index, self._pipeline = job["index"], job["pipeline"]
        self.look: dict[str, int | None] = next(iter(job["looks"].values()))
        self.took = 0

    def _query(self, mode: str, text: str, vector: Any) -> dict[str, Any]:
        words: dict[str, Any] = {"match": {"text": text}}
        if mode == "bm25":
            return words
        near: dict[str, Any] = {"vector": vector.tolist(), "k": self.look["k"]}
        if self.look["ef_search"]:
            near["method_parameters"] = {"ef_search": self.look["ef_search"]}
        if mode == "knn":
            return {"knn": {"vector": near}}
        hybrid: dict[str, Any] = {"queries": [words, {"knn": {"vector": near}}]}
        if self.look["pagination_depth"]:
            hybrid["pagination_depth"] = self.look["pagination_depth"]
        return {"hybrid": hybrid}

    def _body(self, mode: str, text: str, vector: Any) -> dict[str, Any]:
        query = self._query(mode, text, vector)
        body = {"size": TOP, "_source": {"excludes": ["vector"]}, "query": query}
        return {**body, "search_pipeline": self._pipeline} if mode == "hybrid" else body

    def _one(self, mode: str, text: str) -> list[Any]:
        vector = None if mode == "bm25" else self._encode([text])[0]
        found = self._client.search(index=self._index, body=self._body(mode, text, vector))
        self.took = found["took"]
        return list(found["hits"]["hits"])

    def bm25(self, text: str) -> list[Any]:
        return self._one("bm25", text)

    def knn(self, text: str) -> list[Any]:
        return self._one("knn", text)

    def hybrid(self, text: str) -> list[Any]:
        return self._one("hybrid", text)

    def many(self, mode: str, texts: list[str]) -> list[list[Any]]:
        """All encoded at once, then searched by hundreds."""
        vectors = [None] * len(texts) if mode == "bm25" else self._encode(texts)
        found = []
        for start in range(0, len(texts), TOGETHER):
            lines: list[dict[str, Any]] = []
            for text, vector in zip(
                texts[start : start + TOGETHER], vectors[start : start + TOGETHER], strict=True
            ):
                lines += [{}, self._body(mode, text, vector)]
            answer = self._client.msearch(index=self._index, body=lines)
            for each in answer["responses"]:
                if "error" in each:
                    raise SystemExit(each["error"])
                found.append(each["hits"]["hits"])
        return found
