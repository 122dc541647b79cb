"""A load on Ray of this machine beside a local one: same files, model, node and command line.

python -m bench.support.ray_load: rounds in turn, a process each, of two sizes; documents a second
as the reports say, from the first to the last document's end, seconds of the whole process, which
hold Ray's own start, and what the larger size has more divided by the seconds that it takes more:
the rate without any start. Node, encoders and writers share this machine's cores, so all of it
means something only where nothing else runs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from bench.loading import documents, msmarco_lengths
from bench.support.report import ROOT, verdict
from cluster import Cluster, connect

INDEX = "tandem-bench-ray"
FILES = 8
ONE_WORKER, TWO_WORKERS = 0.85, 1.0
RAY = ["--runner", "ray", "--workers"]
WAYS = {"local": [], "Ray, one worker": [*RAY, "1"], "Ray, two workers": [*RAY, "2"]}


def files(folder: Path, count: int) -> list[str]:
    """Documents as long as MS MARCO's passages, in several files."""
    lines = [json.dumps(each) + "\n" for each in documents(msmarco_lengths(count))]
    for number in range(FILES):
        (folder / f"{number}.jsonl").write_text("".join(lines[number::FILES]), "utf-8")
    return sorted(str(each) for each in folder.iterdir())


def load(cluster: Cluster, model: str, named: list[str], options: list[str]) -> tuple[float, float]:
    """Documents a second of a load into a new index, and the seconds of its process."""
    cluster.client.indices.delete(index=INDEX, ignore_unavailable=True)
    words = ["ingest", *named, "--index", INDEX, "--model", model, "--url", cluster.url, "--json"]
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "tandem", *words, *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=3600,
    )
    return json.loads(done.stdout)["docs_per_second"], time.perf_counter() - began


def by_size(
    cluster: Cluster, model: str, sizes: list[int], rounds: int
) -> dict[tuple[str, int], tuple[float, float]]:
    """Of each way and size the middle of documents a second, and of the whole process's seconds."""
    found: dict[tuple[str, int], list[tuple[float, float]]] = {}
    with ExitStack() as folders:
        named = {}
        for size in sizes:
            folder = Path(folders.enter_context(tempfile.TemporaryDirectory()))
            named[size] = files(folder, size)
        load(cluster, model, named[sizes[0]][:1], [])  # warms the node up
        for _ in range(rounds):
            for size in sizes:
                for name, options in WAYS.items():
                    speed, whole = load(cluster, model, named[size], options)
                    print(f"{name}, {size:,}: {speed:.1f} documents/s, {whole:.1f} s", flush=True)
                    found.setdefault((name, size), []).append((speed, whole))
    return {
        each: (median(speed for speed, _ in runs), median(whole for _, whole in runs))
        for each, runs in found.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a cluster (default: the embedded node)")
    parser.add_argument("--documents", type=int, nargs=2, default=[4_000, 12_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="sentence-transformers/all-MiniLM-L6-v2")
    given = parser.parse_args()
    small, large = sorted(given.documents)
    if small == large:
        parser.error("--documents takes two sizes, of which one is larger")
    with connect(given.url, timeout=60) as cluster:
        found = by_size(cluster, given.model, [small, large], given.rounds)
        cluster.client.indices.delete(index=INDEX)
    sizes = [f"{what}, {size:,}" for size in (small, large) for what in ("documents/s", "whole, s")]
    table = Table("", *sizes, "documents/s without start")
    rates = {}
    for name in WAYS:
        (slow, short), (fast, long) = found[name, small], found[name, large]
        rates[name] = (slow, fast, (large - small) / (long - short))
        table.add_row(name, *(f"{each:,.1f}" for each in (slow, short, fast, long, rates[name][2])))
    Console().print(table)
    kinds = (f"{small:,} documents", f"{large:,} documents", "without start")
    for kind, local, one, two in zip(kinds, *rates.values(), strict=True):
        verdict(f"{kind}: one worker beside local", one / local, ONE_WORKER, at_least=True)
        verdict(f"{kind}: two workers beside one", two / one, TWO_WORKERS, at_least=True)


if __name__ == "__main__":
    main()
