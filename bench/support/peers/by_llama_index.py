"""LlamaIndex's OpensearchVectorStore with HuggingFaceEmbedding."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from llama_index.core import StorageContext, VectorStoreIndex
from llama_index.core.schema import TextNode
from llama_index.embeddings.huggingface import HuggingFaceEmbedding
from llama_index.vector_stores.opensearch import OpensearchVectorClient, OpensearchVectorStore


def parts(job: dict[str, Any]) -> tuple[OpensearchVectorStore, HuggingFaceEmbedding]:
    client = OpensearchVectorClient(
        job["url"],
        job["index"],
        job["dim"],
        method=job["method"],
        search_pipeline=job["pipeline"],
    )
    return OpensearchVectorStore(client), HuggingFaceEmbedding(job["model"], device="cpu")


def loader(job: dict[str, Any]) -> Callable[[], None]:
    store, model = parts(job)

    def load() -> None:
        lines = map(json.loads, Path(job["file"]).read_text("utf-8").splitlines())
        nodes = [TextNode(id_=each["id"], text=each["text"]) for each in lines]
        storage = StorageContext.from_defaults(vector_store=store)
        VectorStoreIndex(nodes, storage_context=storage, embed_model=model)

    return load


class LlamaIndex:
    """One query; of many at once its retrievers know nothing."""

    def __init__(self, job: dict[str, Any]) -> None:
        store, model = parts(job)
        index = VectorStoreIndex.from_vector_store(store, embed_model=model)
        self._knn, self._hybrid = (
            index.as_retriever(similarity_top_k=10, vector_store_query_mode=mode)
            for mode in ("default", "hybrid")
        )

    def knn(self, text: str) -> list[Any]:
        return self._knn.retrieve(text)

    def hybrid(self, text: str) -> list[Any]:
        return self._hybrid.retrieve(text)


def searcher(job: dict[str, Any]) -> LlamaIndex:
    return LlamaIndex(job)
