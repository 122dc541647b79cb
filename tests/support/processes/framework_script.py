"""A framework's own store of vectors in OpenSearch, in a process that has that framework alone.

Arguments: FRAMEWORK URL INDEX FILE. FILE is JSON: vectors: text -> vector; store: texts to store,
none to search only; topics: of each; query. The texts that are found go to standard output as JSON.
No engine but lucene is on the test's nodes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

LUCENE = {"name": "hnsw", "engine": "lucene", "space_type": "l2"}


def langchain(url: str, index: str, given: dict[str, Any]) -> list[str]:
    from langchain_community.vectorstores import OpenSearchVectorSearch
    from langchain_core.embeddings import Embeddings

    class Known(Embeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return [given["vectors"][text] for text in texts]

        def embed_query(self, text: str) -> list[float]:
            return given["vectors"][text]

    store = OpenSearchVectorSearch(url, index, Known(), engine="lucene")
    if given["store"]:
        metadatas = [{"topic": topic} for topic in given["topics"]]
        store.add_texts(given["store"], metadatas, engine="lucene", space_type="l2")
    return [found.page_content for found in store.similarity_search(given["query"], k=3)]


def llamaindex(url: str, index: str, given: dict[str, Any]) -> list[str]:
    from llama_index.core.schema import MetadataMode, TextNode
    from llama_index.core.vector_stores.types import VectorStoreQuery
    from llama_index.vector_stores.opensearch import OpensearchVectorClient, OpensearchVectorStore

    dim = len(next(iter(given["vectors"].values())))
    client = OpensearchVectorClient(url, index, dim, method={**LUCENE, "parameters": {"m": 16}})
    store = OpensearchVectorStore(client)
    nodes = [
        TextNode(text=text, metadata={"topic": topic})
        for text, topic in zip(given["store"], given["topics"], strict=True)
    ]
    for node in nodes:
        node.embedding = given["vectors"][node.get_content(MetadataMode.EMBED)]
    if nodes:
        store.add(nodes)
    asked = VectorStoreQuery(query_embedding=given["vectors"][given["query"]], similarity_top_k=3)
    return [node.get_content(MetadataMode.NONE) for node in store.query(asked).nodes]


def haystack(url: str, index: str, given: dict[str, Any]) -> list[str]:
    from haystack import Document
    from haystack_integrations.components.retrievers.opensearch import OpenSearchEmbeddingRetriever
    from haystack_integrations.document_stores.opensearch import OpenSearchDocumentStore

    dim = len(next(iter(given["vectors"].values())))
    store = OpenSearchDocumentStore(hosts=url, index=index, embedding_dim=dim, method=LUCENE)
    documents = [
        Document(content=text, meta={"topic": topic}, embedding=given["vectors"][text])
        for text, topic in zip(given["store"], given["topics"], strict=True)
    ]
    if documents:
        store.write_documents(documents)
        store._client.indices.refresh(index=index)
    retriever = OpenSearchEmbeddingRetriever(document_store=store, top_k=3)
    found = retriever.run(query_embedding=given["vectors"][given["query"]])
    return [document.content for document in found["documents"]]


def main() -> None:
    framework, url, index, file = sys.argv[1:]
    given = json.loads(Path(file).read_text())
    stores = {"langchain": langchain, "llamaindex": llamaindex, "haystack": haystack}
    sys.stdout.write(json.dumps(stores[framework](url, index, given)) + "\n")


if __name__ == "__main__":
    main()
