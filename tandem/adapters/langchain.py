"""A LangChain retriever over a `Searcher` (extra `langchain`)."""

from __future__ import annotations

from typing import Any

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import run_in_executor
from pydantic import Field

from query import Hit, Searcher


class TandemRetriever(BaseRetriever):
    """Hybrid, kNN or BM25 search as a LangChain retriever.

    searcher: stays its owner's to close; options: of `Searcher.search` (mode, k, where, filter,
    collapse, rerank, ...), which those given to `invoke` replace one by one.

    A document has the passage's text and id; its metadata has the stored fields, and under
    `_score`, `_rank`, `_cosine` and `_index` where it came. Raises what `Searcher.search` does.
    """

    searcher: Searcher
    options: dict[str, Any] = Field(default_factory=dict)

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, **options: Any
    ) -> list[Document]:
        result = self.searcher.search(query, **{**self.options, **options})
        return [document_of(hit) for hit in result]

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, **options: Any
    ) -> list[Document]:
        result = await run_in_executor(
            None, self.searcher.search, query, **{**self.options, **options}
        )
        return [document_of(hit) for hit in result]


def document_of(hit: Hit) -> Document:
    """The LangChain document of a hit; what the hit lacks is left out of its metadata."""
    about = {"_score": hit.score, "_rank": hit.rank, "_cosine": hit.cosine, "_index": hit.index}
    known = {name: value for name, value in about.items() if value is not None}
    return Document(id=hit.id, page_content=hit.text, metadata={**hit.source, **known})
