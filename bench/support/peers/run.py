"""One peer in a process of its own: `run.py MODULE ACTION JOB`; the last line is what came of it.

export: convert the model, once; load: the file into the index; search: the first hit, then in each
mode one query after the other, then many together; all of it for each of the `looks`, which say how
many candidates are asked for. A JOB is JSON; `began` is when the process was started.
"""

from __future__ import annotations

import importlib
import json
import math
import re
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

WARM = 10
MODES, TOP = ("bm25", "knn", "hybrid"), 10
# Of so many queries, the hits are told.
COMPARED = 20
Job = dict[str, Any]


def load(peer: Any, job: Job) -> dict[str, Any]:
    work = peer.loader(job)
    ready = time.time()
    work()
    return {"startup": ready - job["began"], "load": time.time() - ready, "peak": peak_megabytes()}


def search(peer: Any, job: Job) -> dict[str, Any]:
    searcher, queries = peer.searcher(job), job["queries"]
    if not searcher.knn(queries[0]):
        raise SystemExit("no hit")
    found: dict[str, Any] = {"first": time.time() - job["began"], "hits": {}}
    for name, look in job["looks"].items():
        if hasattr(searcher, "look"):
            searcher.look = look
        elif look != job["usual"]:
            continue  # its users cannot say how many candidates they want
        # Only who offers BM25, or many queries at once, is asked for that.
        for mode in (each for each in MODES if hasattr(searcher, each)):
            found |= one(searcher, mode, f"{name} {mode}", queries[: job["one"]])
            if hasattr(searcher, "many"):
                found[f"{name} many {mode}"] = together(searcher.many, mode, queries)
                answers = searcher.many(mode, queries[:COMPARED])
                found["hits"][f"{name} {mode}"] = [list(map(id_of, hits)) for hits in answers]
    return {**found, "peak": peak_megabytes()}


def id_of(hit: Any) -> str:
    return str(hit["_id"] if isinstance(hit, dict) else hit.id)


def one(searcher: Any, mode: str, name: str, queries: list[str]) -> dict[str, float]:
    """Median milliseconds of a query by itself, and the mean of what the cluster says it took."""
    seconds, took, ask = [], [], getattr(searcher, mode)
    for text in queries[:WARM]:
        ask(text)
    for text in queries:
        began = time.perf_counter()
        hits = ask(text)
        seconds.append(time.perf_counter() - began)
        took.append(getattr(searcher, "took", math.nan))
        check(mode, text, hits)
    return {name: 1000 * statistics.median(seconds), f"{name} took": statistics.fmean(took)}


def check(mode: str, text: str, hits: list[Any]) -> None:
    """Refuse an answer that is none; few passages may have a query's words."""
    if not (1 if mode == "bm25" else TOP) <= len(hits) <= TOP:
        raise SystemExit(f"{len(hits)} hits by {mode} for {text!r}")


def together(
    many: Callable[[str, list[str]], list[list[Any]]], mode: str, queries: list[str]
) -> float:
    """Queries a second, the second time."""
    for _ in range(2):
        began = time.perf_counter()
        answers = many(mode, queries)
        spent = time.perf_counter() - began
        # Each time: what was refused is answered fast.
        for text, hits in zip(queries, answers, strict=True):
            check(mode, text, hits)
    return len(queries) / spent


def peak_megabytes() -> float:
    """Peak resident memory of this process."""
    status = Path("/proc/self/status").read_text("utf-8")
    return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1e3


def main() -> None:
    module, action, job = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    peer = importlib.import_module(module)
    work = {"load": load, "search": search, "export": lambda peer, job: peer.export(job)}[action]
    print(json.dumps(work(peer, job)))


if __name__ == "__main__":
    main()
