"""langchain-community's OpenSearchVectorSearch with HuggingFaceEmbeddings."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from langchain_community.vectorstores import OpenSearchVectorSearch
from langchain_huggingface import HuggingFaceEmbeddings


def embeddings(job: dict[str, Any]) -> HuggingFaceEmbeddings:
    return HuggingFaceEmbeddings(
        model_name=job["model"],
        model_kwargs={"device": "cpu"},
        encode_kwargs={"normalize_embeddings": True},
    )


def loader(job: dict[str, Any]) -> Callable[[], None]:
    model = embeddings(job)

    def load() -> None:
        lines = Path(job["file"]).read_text("utf-8").splitlines()
        documents = [json.loads(line) for line in lines]
        OpenSearchVectorSearch.from_texts(
            [each["text"] for each in documents],
            model,
            ids=[each["id"] for each in documents],
            opensearch_url=job["url"],
            index_name=job["index"],
            # It refuses more texts than this.
            bulk_size=len(documents),
            engine=job["method"]["engine"],
            space_type=job["method"]["space_type"],
            **job["method"]["parameters"],
        )

    return load


class LangChain:
    """One query; of many at once its store knows nothing."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._pipeline = job["pipeline"]
        self._store = OpenSearchVectorSearch(job["url"], job["index"], embeddings(job))

    def knn(self, text: str) -> list[Any]:
        return self._store.similarity_search(text, k=10)

    def hybrid(self, text: str) -> list[Any]:
        return self._store.similarity_search(
            text,
            k=10,
            search_type="hybrid_search",
            search_pipeline=self._pipeline,
            query_text=text,
        )


def searcher(job: dict[str, Any]) -> LangChain:
    return LangChain(job)
