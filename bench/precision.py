"""What a precision costs in quality: nDCG@10 of exact search, over whatever data is there.

Of examples/, whose few queries were made to pull the modes apart, the figure is shown and not
judged.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import ir_measures
import numpy as np
from ir_measures import nDCG
from rich.console import Console
from rich.table import Table

from bench.quality import DATA, folders, judgements, queries
from bench.report import verdict
from encoder import Encoder

MODEL = "sentence-transformers/all-MiniLM-L6-v2"
DEPTH = 10
# Precision -> how far its nDCG@10 may be from float32's.
TARGETS = {"bfloat16": 0.001, "int8": 0.005}


def corpus_of(folder: Path) -> dict[str, str]:
    """Id -> title and text, as an ingestion encodes them."""
    with (folder / "corpus.jsonl").open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return {
        row["_id"]: f"{row['title']}\n{row['text']}" if row.get("title") else row["text"]
        for row in rows
    }


def quality(encoder: Encoder, folder: Path) -> float:
    """nDCG@10 of exact search by cosine; equal cosines in the order of ids."""
    corpus, qrels = corpus_of(folder), judgements(folder)
    asked = queries(folder, {each.query_id for each in qrels})
    ids = sorted(corpus)
    passages = encoder.encode_passages([corpus[each] or " " for each in ids])
    scores = encoder.encode_queries([text for _, text in asked]) @ passages.T
    run = []
    for (query, _), row in zip(asked, scores, strict=True):
        best = np.argsort(-row, kind="stable")[:DEPTH]
        run += [ir_measures.ScoredDoc(query, ids[at], float(row[at])) for at in best]
    return float(ir_measures.calc_aggregate([nDCG @ DEPTH], qrels, run)[nDCG @ DEPTH])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of BEIR folders")
    given = parser.parse_args()
    names = list(folders(given.data))
    table = Table("", *(folder.name for folder in names), title="nDCG@10, exact search")
    found: dict[str, list[float]] = {}
    for precision in ("float32", *TARGETS):
        began = time.perf_counter()
        encoder = Encoder.load(given.model, precision=precision)
        found[precision] = [quality(encoder, folder) for folder in names]
        table.add_row(str(encoder.choice.taken), *(f"{each:.4f}" for each in found[precision]))
        Console(stderr=True).print(f"{precision}: {time.perf_counter() - began:.0f} s")
    Console(width=110).print(table)
    for precision, target in TARGETS.items():
        pairs = zip(found[precision], found["float32"], strict=True)
        _, *apart = (abs(a - b) for a, b in pairs)
        worst = max(apart, default=0.0)
        verdict(f"{precision}: nDCG@10 apart from float32's by", worst, target, at_least=False)


if __name__ == "__main__":
    main()
