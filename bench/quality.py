"""How well each mode ranks, and what a precision costs: nDCG@10 over examples/ and BEIR folders.

Modes: nothing is chosen here: depth, weights and fusion are the defaults of a search. What is
indexed stays, so a second run encodes nothing. Precisions: exact search without a cluster; of
examples/, whose few queries were made to pull the modes apart, the figure is shown and not judged.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ir_measures
import numpy as np
from rich.console import Console
from rich.table import Table

from bench.support.report import verdict
from cluster import Cluster, connect
from encoder import Encoder
from evaluation import read_queries
from ingest import Plan, ingest
from mappings import Fusion, Shape
from query import Searcher, Tuning

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
PREFIX = "tandem-quality"
K = 10
# Precision -> how far its nDCG@10 may be from float32's.
PRECISIONS = {"bfloat16": 0.001, "int8": 0.005}
WAYS: dict[str, tuple[str, Tuning]] = {
    "BM25": ("bm25", Tuning()),
    "kNN": ("knn", Tuning()),
    "hybrid": ("hybrid", Tuning()),
    "hybrid, rrf": ("hybrid", Tuning(fusion=Fusion(technique="rrf"))),
}


def folders(data: Path) -> Iterator[Path]:
    yield ROOT / "examples"
    if data.is_dir():
        yield from sorted(each for each in data.iterdir() if (each / "qrels" / "test.tsv").exists())


def judgements(folder: Path) -> list[Any]:
    """Qrels of the test queries; only queries with something relevant count."""
    lines = (folder / "qrels" / "test.tsv").read_text("utf-8").splitlines()[1:]
    rows = [line.split("\t") for line in lines]
    found = [ir_measures.Qrel(query, document, int(grade)) for query, document, grade in rows]
    relevant = {qrel.query_id for qrel in found if qrel.relevance > 0}
    return [qrel for qrel in found if qrel.query_id in relevant]


def queries(folder: Path, judged: set[str]) -> list[tuple[str, str]]:
    return [query for query in read_queries(folder) if query.id in judged]


def measured(
    searcher: Searcher, mode: str, tuning: Tuning, asked: list[tuple[str, str]], qrels: list[Any]
) -> float:
    """NDCG@10 averaged over the judged queries, those without hits included."""
    run = []
    # A split document counts once, by its best passage.
    for answer in searcher.search_many(
        asked, mode=mode, k=K, tuning=tuning, collapse=True, source=False
    ):
        if answer.result is None or answer.fault:
            raise SystemExit(f"query {answer.query.id}: {answer.fault}")
        run += [
            ir_measures.ScoredDoc(answer.query.id, hit.document_id, -hit.rank)
            for hit in answer.result
        ]
    return float(
        ir_measures.calc_aggregate([ir_measures.nDCG @ K], qrels, run)[ir_measures.nDCG @ K]
    )


def rank(cluster: Cluster, folder: Path, encoder: Any, analyzer: str) -> dict[str, float]:
    index = f"{PREFIX}-{folder.name}-{analyzer}"
    plan = Plan(shape=Shape(analyzer=analyzer), force_merge=True)
    ingest(folder / "corpus.jsonl", cluster=cluster, index=index, encoder=encoder, plan=plan)
    qrels = judgements(folder)
    asked = queries(folder, {qrel.query_id for qrel in qrels})
    searcher = Searcher(cluster, index, encoder=encoder)
    return {
        name: measured(searcher, mode, tuning, asked, qrels)
        for name, (mode, tuning) in WAYS.items()
    }


def corpus_of(folder: Path) -> dict[str, str]:
    """Id -> title and text, as an ingestion encodes them."""
    with (folder / "corpus.jsonl").open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return {
        row["_id"]: f"{row['title']}\n{row['text']}" if row.get("title") else row["text"]
        for row in rows
    }


def exact(encoder: Encoder, folder: Path) -> float:
    """nDCG@10 of exact search by cosine; equal cosines in the order of ids."""
    corpus, qrels = corpus_of(folder), judgements(folder)
    asked = queries(folder, {each.query_id for each in qrels})
    ids = sorted(corpus)
    passages = encoder.encode_passages([corpus[each] or " " for each in ids])
    scores = encoder.encode_queries([text for _, text in asked]) @ passages.T
    run = []
    for (query, _), row in zip(asked, scores, strict=True):
        best = np.argsort(-row, kind="stable")[:K]
        run += [ir_measures.ScoredDoc(query, ids[at], float(row[at])) for at in best]
    return float(
        ir_measures.calc_aggregate([ir_measures.nDCG @ K], qrels, run)[ir_measures.nDCG @ K]
    )


def show_precisions(model: str, data: Path) -> None:
    names = list(folders(data))
    table = Table("", *(folder.name for folder in names), title=f"nDCG@{K}, exact search")
    found: dict[str, list[float]] = {}
    for precision in ("float32", *PRECISIONS):
        began = time.perf_counter()
        encoder = Encoder.load(model, precision=precision)
        found[precision] = [exact(encoder, folder) for folder in names]
        table.add_row(str(encoder.choice.taken), *(f"{each:.4f}" for each in found[precision]))
        Console(stderr=True).print(f"{precision}: {time.perf_counter() - began:.0f} s")
    Console(width=110).print(table)
    for precision, target in PRECISIONS.items():
        pairs = zip(found[precision], found["float32"], strict=True)
        _, *apart = (abs(a - b) for a, b in pairs)
        worst = max(apart, default=0.0)
        verdict(f"{precision}: nDCG@{K} apart from float32's by", worst, target, at_least=False)


def show_modes(given: argparse.Namespace) -> None:
    encoder = Encoder.load(given.model)
    table = Table("", *WAYS, "hybrid beats both", title=f"nDCG@{K}, {given.analyzer} analyzer")
    with connect(given.url, timeout=120) as cluster:
        for folder in folders(given.data):
            if given.only in (None, folder.name):
                found = rank(cluster, folder, encoder, given.analyzer)
                wins = found["hybrid"] > max(found["BM25"], found["kNN"])
                values = [f"{value:.4f}" for value in found.values()]
                table.add_row(folder.name, *values, "yes" if wins else "NO")
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a cluster (default: the embedded node)")
    parser.add_argument("--model", default="sentence-transformers/all-MiniLM-L6-v2")
    parser.add_argument("--analyzer", default="english")
    parser.add_argument("--only", help="one folder's name, of the modes")
    parser.add_argument("--of", choices=("modes", "precisions"), help="one of the two tables")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of BEIR folders")
    given = parser.parse_args()
    if given.of in (None, "precisions"):
        show_precisions(given.model, given.data)
    if given.of in (None, "modes"):
        show_modes(given)


if __name__ == "__main__":
    main()
