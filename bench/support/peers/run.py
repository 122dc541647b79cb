"""One peer in a process of its own: `run.py MODULE ACTION JOB`; the last line is what came of it.

export: convert the model, once; load: the file into the index; search: the first hit, then one
query after the other, then many together. A JOB is JSON; `began` is when the process was started.
"""

from __future__ import annotations

import importlib
import json
import re
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

WARM = 10
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
    found: dict[str, Any] = {"first": time.time() - job["began"]}
    for mode in ("knn", "hybrid"):
        found[mode] = one(getattr(searcher, mode), queries[: job["one"]])
        # Only who offers many queries at once is asked for them.
        if hasattr(searcher, "many"):
            found[f"many {mode}"] = together(searcher.many, mode, queries)
    return {**found, "peak": peak_megabytes()}


def one(ask: Callable[[str], list[Any]], queries: list[str]) -> float:
    """Median milliseconds of a query by itself."""
    seconds = []
    for text in queries[:WARM]:
        ask(text)
    for text in queries:
        began = time.perf_counter()
        hits = ask(text)
        seconds.append(time.perf_counter() - began)
        if len(hits) != 10:
            raise SystemExit(f"{len(hits)} hits for {text!r}")
    return 1000 * statistics.median(seconds)


def together(
    many: Callable[[str, list[str]], list[list[Any]]], mode: str, queries: list[str]
) -> float:
    """Queries a second, the second time."""
    for _ in range(2):
        began = time.perf_counter()
        answers = many(mode, queries)
        spent = time.perf_counter() - began
    if [len(hits) for hits in answers] != [10] * len(queries):
        raise SystemExit("a query has not ten hits")
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
