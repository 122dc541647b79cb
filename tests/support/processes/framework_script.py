"""A framework's own store of vectors in OpenSearch, in a process that has that framework alone.

Arguments: FRAMEWORK URL INDEX FILE. FILE is JSON: vectors: text -> vector; store: texts to store,
none to search only; topics: of each; query. The texts that are found go to standard output as JSON.
No engine but lucene is on the test's nodes. The packages are imported by name, for they are none of
what the tests need: the one test that runs this fetches them.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

LUCENE = {"name": "hnsw", "engine": "lucene", "space_type": "l2"}


def langchain(url: str, index: str, given: dict[str, Any]) -> list[str]:
    class Known(import_module("langchain_core.embeddings").Embeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return [given["vectors"][text] for text in texts]

        def embed_query(self, text: str) -> list[float]:
            return given["vectors"][text]

    vectorstores = import_module("langchain_community.vectorstores")
    store = vectorstores.OpenSearchVectorSearch(url, index, Known(), engine="lucene")
    if given["store"]:
        metadatas = [{"topic": topic} for topic in given["topics"]]
        store.add_texts(given["store"], metadatas, engine="lucene", space_type="l2")
    return [found.page_content for found in store.similarity_search(given["query"], k=3)]


def llamaindex(url: str, index: str, given: dict[str, Any]) -> list[str]:
    schema = import_module("llama_index.core.schema")
    types = import_module("llama_index.core.vector_stores.types")
    stores = import_module("llama_index.vector_stores.opensearch")
    mode = schema.MetadataMode
    dim = len(next(iter(given["vectors"].values())))
    method = {**LUCENE, "parameters": {"m": 16}}
    client = stores.OpensearchVectorClient(url, index, dim, method=method)
    store = stores.OpensearchVectorStore(client)
    nodes = [
        schema.TextNode(text=text, metadata={"topic": topic})
        for text, topic in zip(given["store"], given["topics"], strict=True)
    ]
    for node in nodes:
        node.embedding = given["vectors"][node.get_content(mode.EMBED)]
    if nodes:
        store.add(nodes)
    vector = given["vectors"][given["query"]]
    asked = types.VectorStoreQuery(query_embedding=vector, similarity_top_k=3)
    return [node.get_content(mode.NONE) for node in store.query(asked).nodes]


def haystack(url: str, index: str, given: dict[str, Any]) -> list[str]:
    make = import_module("haystack").Document
    retrievers = import_module("haystack_integrations.components.retrievers.opensearch")
    stores = import_module("haystack_integrations.document_stores.opensearch")
    dim = len(next(iter(given["vectors"].values())))
    store = stores.OpenSearchDocumentStore(hosts=url, index=index, embedding_dim=dim, method=LUCENE)
    documents = [
        make(content=text, meta={"topic": topic}, embedding=given["vectors"][text])
        for text, topic in zip(given["store"], given["topics"], strict=True)
    ]
    if documents:
        store.write_documents(documents)
        store._client.indices.refresh(index=index)
    retriever = retrievers.OpenSearchEmbeddingRetriever(document_store=store, top_k=3)
    found = retriever.run(query_embedding=given["vectors"][given["query"]])
    return [document.content for document in found["documents"]]


def main() -> None:
    framework, url, index, file = sys.argv[1:]
    given = json.loads(Path(file).read_text())
    stores = {"langchain": langchain, "llamaindex": llamaindex, "haystack": haystack}
    sys.stdout.write(json.dumps(stores[framework](url, index, given)) + "\n")


if __name__ == "__main__":
    main()
