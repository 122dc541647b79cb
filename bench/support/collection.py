"""Passages, queries and judgements for a load, and how well an index that holds them ranks."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

import ir_measures
import numpy as np
from opensearchpy import OpenSearch, helpers

from bench.encode import ROOT, SHARED, passages
from bench.quality import corpus_of, judgements, queries

TOP = 10
# Longer ones would be split by us and cut off by the others.
MOST_CHARACTERS = 900
EXAMPLES = ROOT / "examples"


@dataclass(frozen=True)
class Collection:
    """texts: id -> passage; asked: (id, text) of the judged queries; qrels: of these passages."""

    texts: dict[str, str]
    asked: list[tuple[str, str]]
    qrels: list[Any]

    def write(self, file: Path) -> None:
        lines = (json.dumps({"id": name, "text": text}) for name, text in self.texts.items())
        file.write_text("\n".join(lines) + "\n", "utf-8")

    def many(self, count: int) -> list[str]:
        """So many different short queries: the judged ones, then the beginnings of passages.

        Of words alone: a quote or a hyphen asks Tandem for something, and nobody else.
        """
        dice = random.Random(6)
        asked = [_words(text) for _, text in self.asked]
        beginnings = [_words(text)[: dice.randint(4, 9)] for text in reversed(self.texts.values())]
        every = dict.fromkeys(" ".join(words) for words in (*asked, *beginnings))
        return list(islice(every, count))


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def collect(count: int) -> Collection:
    """MS MARCO's judged passages where they are, else examples/; filled up to `count`."""
    folder = SHARED.parent if SHARED.exists() else EXAMPLES
    found = corpus_of(folder)
    short = {name: text for name, text in found.items() if len(text) <= MOST_CHARACTERS}
    qrels = [each for each in judgements(folder) if each.doc_id in short]
    chosen = dict.fromkeys([*_judged(qrels), *short])
    texts = {name: short[name] for name in islice(chosen, count)}
    lacking = count - len(texts)
    texts |= {f"more-{n}": text for n, text in enumerate(passages(lacking, 64) if lacking else [])}
    qrels = [each for each in qrels if each.doc_id in texts]
    relevant = {each.query_id for each in qrels if each.relevance > 0}
    qrels = [each for each in qrels if each.query_id in relevant]
    return Collection(texts, queries(folder, relevant), qrels)


def _judged(qrels: list[Any]) -> Iterator[str]:
    """Ids of judged passages, one of each query in turn, those of high grades first."""
    by_query: dict[str, list[Any]] = {}
    for each in sorted(qrels, key=lambda qrel: -qrel.relevance):
        by_query.setdefault(each.query_id, []).append(each.doc_id)
    seen: set[str] = set()
    for row in zip_longest(*by_query.values()):
        for name in row:
            if name is not None and name not in seen:
                seen.add(name)
                yield name


def ranking(
    client: OpenSearch, index: str, field: str, vectors: Any, collection: Collection
) -> float:
    """NDCG@10 of the judged queries by kNN, each with its ready vector: float32 [queries, dim]."""
    run = []
    for (query, _), vector in zip(collection.asked, vectors, strict=True):
        knn = {"knn": {field: {"vector": vector.tolist(), "k": TOP}}}
        found = client.search(index=index, body={"size": TOP, "_source": False, "query": knn})
        run += [
            ir_measures.ScoredDoc(query, hit["_id"], hit["_score"]) for hit in found["hits"]["hits"]
        ]
    measure = ir_measures.nDCG @ TOP
    return float(ir_measures.calc_aggregate([measure], collection.qrels, run)[measure])


def stored(client: OpenSearch, index: str, field: str) -> dict[str, Any]:
    """Id -> vector, float32 [dim], as the index has it."""
    hits = helpers.scan(client, index=index, query={"_source": [field]}, size=500)
    return {hit["_id"]: np.float32(hit["_source"][field]) for hit in hits}


def agreement(found: Mapping[str, Any], exact: Mapping[str, Any], ids: Sequence[str]) -> float:
    """The mean cosine of stored vectors to float32's."""
    pairs = [(found[name], exact[name]) for name in ids]
    norms = [float(np.linalg.norm(a) * np.linalg.norm(b)) for a, b in pairs]
    return float(np.mean([float(a @ b) / n for (a, b), n in zip(pairs, norms, strict=True)]))
