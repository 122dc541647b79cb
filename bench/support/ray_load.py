"""A load on Ray of this machine beside a local one: same files, model, node and command line.

python -m bench.support.ray_load: rounds in turn, a process each; documents a second as the reports
say, from the first to the last document's end, and seconds of the whole process, which hold Ray's
own start. Node, encoders and writers share this machine's cores, so all of it means something only
where nothing else runs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a cluster (default: the embedded node)")
    parser.add_argument("--documents", type=int, default=8_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="sentence-transformers/all-MiniLM-L6-v2")
    given = parser.parse_args()
    speeds: dict[str, list[float]] = {name: [] for name in WAYS}
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    with connect(given.url, timeout=60) as cluster, tempfile.TemporaryDirectory() as folder:
        named = files(Path(folder), given.documents)
        load(cluster, given.model, named[:1], [])  # warms the node up
        for _ in range(given.rounds):
            for name, options in WAYS.items():
                speed, whole = load(cluster, given.model, named, options)
                print(f"{name}: {speed:.1f} documents/s, {whole:.1f} s in all", flush=True)
                speeds[name].append(speed)
                seconds[name].append(whole)
        cluster.client.indices.delete(index=INDEX)
    table = Table("", "documents/s", "whole process, s", title=f"{given.documents:,} documents")
    middle = {name: statistics.median(each) for name, each in speeds.items()}
    for name, speed in middle.items():
        table.add_row(name, f"{speed:,.1f}", f"{statistics.median(seconds[name]):.1f}")
    Console().print(table)
    local, one, two = middle.values()
    verdict("one worker on Ray beside a local load", one / local, ONE_WORKER, at_least=True)
    verdict("two workers beside one", two / one, TWO_WORKERS, at_least=True)


if __name__ == "__main__":
    main()
