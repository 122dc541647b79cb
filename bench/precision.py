"""What a precision costs in quality: nDCG@10 of exact search, over whatever data is there."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import ir_measures
import numpy as np
from ir_measures import nDCG
from rich.console import Console
from rich.table import Table

from encoder import Encoder

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"
MODEL = "sentence-transformers/all-MiniLM-L6-v2"
DEPTH = 10
# Precision -> how far its nDCG@10 may be from float32's.
TARGETS = {"bfloat16": 0.001, "int8": 0.005}


def folders() -> list[Path]:
    return [ROOT / "examples", *(each.parent for each in sorted(SHARED.glob("*/corpus.jsonl")))]


def read(path: Path) -> dict[str, str]:
    """Id -> title and text, as an ingestion encodes them."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return {
        row["_id"]: f"{row['title']}\n{row['text']}" if row.get("title") else row["text"]
        for row in rows
    }


def judgements(folder: Path) -> list[Any]:
    lines = (folder / "qrels" / "test.tsv").read_text("utf-8").splitlines()[1:]
    cells = (line.split("\t") for line in lines)
    return [ir_measures.Qrel(query, document, int(score)) for query, document, score in cells]


def quality(encoder: Encoder, folder: Path) -> float:
    """nDCG@10 of exact search by cosine; equal cosines in the order of ids."""
    corpus, queries, qrels = (
        read(folder / "corpus.jsonl"),
        read(folder / "queries.jsonl"),
        judgements(folder),
    )
    judged = {each.query_id for each in qrels}
    asked = [each for each in queries if each in judged]
    ids = sorted(corpus)
    passages = encoder.encode_passages([corpus[each] or " " for each in ids])
    scores = encoder.encode_queries([queries[each] for each in asked]) @ passages.T
    run = []
    for query, row in zip(asked, scores, strict=True):
        best = np.argsort(-row, kind="stable")[:DEPTH]
        run += [ir_measures.ScoredDoc(query, ids[at], float(row[at])) for at in best]
    return float(ir_measures.calc_aggregate([nDCG @ DEPTH], qrels, run)[nDCG @ DEPTH])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--data", type=Path, action="append", help="BEIR folders")
    given = parser.parse_args()
    names = given.data or folders()
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
        worst = max(abs(a - b) for a, b in pairs)
        met = "met" if worst <= target else "MISSED"
        print(f"{precision}: nDCG@10 within {worst:.4f} of float32 (target <= {target}) {met}")


if __name__ == "__main__":
    main()
