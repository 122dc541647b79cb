"""What does not change as a corpus grows, and what does.

Loads: short documents from a JSONL file, with an instant encoder, into a server that only answers,
each load in a process of its own whose peak memory is measured; then the same again, of which
nothing is written. Memory and documents a second should be those of a tenth of the documents.
Node: passages of ready vectors in a real index, which grows and is merged into one segment each
time: its size, how long a load of it takes, and how long searches do.
"""

from __future__ import annotations

import argparse
import itertools
import re
import statistics
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import orjson

from bench.search import ReadyVectors
from bench.support.answering import answering
from bench.support.report import verdict
from cluster import Cluster, connect
from ingest import Plan, ingest
from mappings.quantization import needs
from query import Searcher
from query.question import MODES

INDEX = "tandem-bench-scale"
# What of a load with ten times the documents may differ.
SAME = 0.1
SMALL = 16  # dimensions where vectors are not the point
VOCABULARY, SHORT, LONG = 50_000, 12, 60  # words: all there are, of a document, of a passage
QUERY_WORDS, WARM_UP = 4, 50


class Instant(ReadyVectors):
    """Vectors that follow from the number at a text's beginning; of SMALL or more dimensions."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self._block, self._of = self.vectors(1000, seed=0), 0

    def stream_passages(self, texts: Iterable[str], stopping: Any = None) -> Iterator[Any]:
        """The vector of each text."""
        for text in texts:
            of, at = divmod(int(text.partition(" ")[0]), 1000)
            if self.dim > SMALL and of != self._of:
                self._block, self._of = self.vectors(1000, seed=of), of
            yield self._block[at, : self.dim]


def documents(first: int, end: int, words: int) -> Iterator[dict[str, str]]:
    """Documents of words as frequent as in a language (Zipf), by their numbers."""
    for start in range(first, end, 1000):
        dice = np.random.default_rng(start)
        picks = dice.zipf(1.07, size=(1000, words)) % VOCABULARY
        for number, row in zip(range(start, min(end, start + 1000)), picks.tolist(), strict=False):
            yield {"id": str(number), "text": f"{number} {' '.join(f'w{each}' for each in row)}"}


@dataclass(frozen=True)
class Load:
    """What a load was: peak in megabytes of its process, stages as in a Report."""

    documents: int
    written: int
    rate: float
    peak: float
    stages: Mapping[str, float]


def load(url: str, source: Path, count: int) -> Load:
    """Ingest a file, in this process, which does nothing else."""
    with connect(url, timeout=60) as cluster:
        report = ingest(source, cluster=cluster, index=INDEX, encoder=Instant(SMALL))
    if report.read != count or report.rejected:
        raise SystemExit(f"{report.read:,} of {count:,} read, {report.rejected:,} rejected")
    status = Path("/proc/self/status").read_text()
    peak = int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1e3
    rate = report.docs_per_second
    return Load(count, report.written, rate, peak, {str(k): v for k, v in report.stages.items()})


def loads(node: Cluster, counts: Sequence[int], rounds: int) -> list[tuple[Load, Load]]:
    """A load and its repetition for each count; of those before the last the median of rounds."""
    found = []
    with TemporaryDirectory() as folder, answering(node.url) as url:
        for count in counts:
            source = Path(folder) / f"{count}.jsonl"
            with source.open("wb") as file:
                for each in documents(0, count, SHORT):
                    file.write(orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE))
            pairs = []
            for _ in range(rounds if count < counts[-1] else 1):
                node.client.indices.delete(index=INDEX, ignore_unavailable=True)
                pairs.append((_alone(url, source, count), _alone(url, source, count)))
                first, again = pairs[-1]
                if (first.written, again.written) != (count, 0):
                    raise SystemExit(f"{first.written:,}, then {again.written:,} were written")
            first, again = ([pair[n] for pair in pairs] for n in range(2))
            found.append((_middle(first), _middle(again)))
            print(f"{count:,} documents: {found[-1]}")
    return found


def _alone(url: str, source: Path, count: int) -> Load:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(load, url, source, count).result()


def _middle(same: Sequence[Load]) -> Load:
    return sorted(same, key=lambda each: each.rate)[len(same) // 2]


@dataclass(frozen=True)
class Grown:
    """An index of so many passages: bytes on disk, the load's passages a second, and searches.

    milliseconds: (median, p95) of each mode.
    """

    passages: int
    size: int
    rate: float
    merging: float
    milliseconds: Mapping[str, tuple[float, float]]


def growth(cluster: Cluster, counts: Sequence[int], queries: int) -> list[Grown]:
    """An index that grows to each of these counts in turn."""
    encoder, found = Instant(ReadyVectors.dim), []
    cluster.client.indices.delete(index=INDEX, ignore_unavailable=True)
    for before, count in itertools.pairwise((0, *counts)):
        began = time.perf_counter()
        report = ingest(
            documents(before, count, LONG),
            cluster=cluster,
            index=INDEX,
            encoder=encoder,
            plan=Plan(relax=True, force_merge=True),
        )
        merging = time.perf_counter() - began - report.written / report.docs_per_second
        cluster.client.indices.flush(index=INDEX)
        stats = cluster.client.indices.stats(index=INDEX, metric="store")
        size = stats["_all"]["primaries"]["store"]["size_in_bytes"]
        times = searches(cluster, encoder, count, queries)
        found.append(Grown(count, size, report.docs_per_second, merging, times))
        print(f"{count:,} passages: {found[-1]}")
    cluster.client.indices.delete(index=INDEX)
    return found


def searches(
    cluster: Cluster, encoder: Instant, count: int, queries: int
) -> dict[str, tuple[float, float]]:
    """Milliseconds of searches for words of documents with ready vectors, the modes in turn."""
    searcher = Searcher(cluster, INDEX, encoder=encoder)
    vectors = encoder.vectors(WARM_UP + queries, seed=count)
    texts = [each["text"].split()[1:] for each in documents(0, 1000, LONG)]
    spent: dict[str, list[float]] = {mode: [] for mode in MODES}
    for turn, vector in enumerate(vectors):
        text = " ".join(texts[turn % len(texts)][:QUERY_WORDS])
        for mode, each in spent.items():
            began = time.perf_counter()
            searcher.search(text, mode=mode, vector=None if mode == "bm25" else vector)
            if turn >= WARM_UP:
                each.append(1000 * (time.perf_counter() - began))
    return {
        mode: (statistics.median(each), float(np.quantile(each, 0.95)))
        for mode, each in spent.items()
    }


def loads_table(found: Sequence[tuple[Load, Load]]) -> list[list[str]]:
    head = ["documents", "documents/s", "peak memory", "the same again, documents/s", "peak memory"]
    return [head, *([f"{a.documents:,}", *_shown(a), *_shown(b)] for a, b in found)]


def _shown(each: Load) -> tuple[str, str]:
    return f"{each.rate:,.0f}", f"{each.peak:.0f} MB"


def growth_table(found: Sequence[Grown]) -> list[list[str]]:
    head = ["passages", "bytes on disk a passage", "beside the formula", "loaded/s", "merge, s"]
    head += [f"{mode}, ms (p95), beside {found[0].passages:,}" for mode in MODES]
    return [head, *(_grown_row(each, found[0]) for each in found)]


def _grown_row(each: Grown, first: Grown) -> list[str]:
    formula = next(n for n in needs(each.passages, ReadyVectors.dim) if n.store == "lucene")
    row = [f"{each.passages:,}", f"{each.size / each.passages:,.0f}"]
    row += [f"{each.size / formula.disk:.2f}", f"{each.rate:,.0f}", f"{each.merging:.0f}"]
    for mode, (median, high) in each.milliseconds.items():
        row.append(f"{median:.1f} ({high:.1f}), {median / first.milliseconds[mode][0]:.2f}")
    return row


def markdown(rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:], ""])


def verdicts(found: Sequence[tuple[Load, Load]]) -> None:
    """The last beside the one before it."""
    for what, small, large in zip(("load", "rerun"), *found[-2:], strict=True):
        verdict(f"{what}: peak memory", large.peak / small.peak, 1 + SAME, at_least=False)
        verdict(f"{what}: documents a second", large.rate / small.rate, 1 - SAME, at_least=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a cluster (default: the embedded node)")
    sizes = {"type": int, "nargs": "+"}
    parser.add_argument("--documents", default=[20_000, 200_000, 2_000_000], **sizes)
    parser.add_argument("--passages", default=[20_000, 100_000, 200_000], **sizes)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3, help="of all loads but the largest")
    parser.add_argument("--only", choices=("loads", "node"))
    parser.add_argument("--markdown", type=Path, help="where the tables go too")
    given = parser.parse_args()
    tables = []
    with connect(given.url, timeout=60) as cluster:
        if given.only in (None, "loads"):
            found = loads(cluster, given.documents, given.rounds)
            tables.append(markdown(loads_table(found)))
            verdicts(found)
        if given.only in (None, "node"):
            tables.append(markdown(growth_table(growth(cluster, given.passages, given.queries))))
    print("\n".join(tables))
    if given.markdown:
        given.markdown.write_text("\n".join(tables))


if __name__ == "__main__":
    main()
