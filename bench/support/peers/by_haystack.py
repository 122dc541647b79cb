"""Haystack's OpenSearchDocumentStore with its embedders of sentence-transformers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from haystack import Document
from haystack_integrations.components.embedders.sentence_transformers import (
    SentenceTransformersDocumentEmbedder,
    SentenceTransformersTextEmbedder,
)
from haystack_integrations.components.retrievers.opensearch import (
    OpenSearchEmbeddingRetriever,
    OpenSearchHybridRetriever,
)
from haystack_integrations.document_stores.opensearch import OpenSearchDocumentStore


def store(job: dict[str, Any]) -> OpenSearchDocumentStore:
    return OpenSearchDocumentStore(
        hosts=job["url"], index=job["index"], embedding_dim=job["dim"], method=job["method"]
    )


def loader(job: dict[str, Any]) -> Callable[[], None]:
    documents = store(job)
    embedder = SentenceTransformersDocumentEmbedder(
        model=job["model"], normalize_embeddings=True, progress_bar=False
    )
    embedder.warm_up()

    def load() -> None:
        lines = map(json.loads, Path(job["file"]).read_text("utf-8").splitlines())
        given = [Document(id=each["id"], content=each["text"]) for each in lines]
        documents.write_documents(embedder.run(given)["documents"])

    return load


class Haystack:
    """One query; of many at once its retrievers know nothing."""

    def __init__(self, job: dict[str, Any]) -> None:
        documents = store(job)
        self._embedder = SentenceTransformersTextEmbedder(
            model=job["model"], normalize_embeddings=True, progress_bar=False
        )
        self._embedder.warm_up()
        self._knn = OpenSearchEmbeddingRetriever(document_store=documents, top_k=10)
        self._hybrid = OpenSearchHybridRetriever(
            document_store=documents, embedder=self._embedder, top_k=10
        )

    def knn(self, text: str) -> list[Any]:
        vector = self._embedder.run(text)["embedding"]
        return self._knn.run(query_embedding=vector)["documents"]

    def hybrid(self, text: str) -> list[Any]:
        return self._hybrid.run(query=text)["documents"]


def searcher(job: dict[str, Any]) -> Haystack:
    return Haystack(job)
