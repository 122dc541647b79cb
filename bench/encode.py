"""How fast passages are encoded, beside SentenceTransformer.encode, in one run.

Every way encodes the same passages in turn, in an order that is shuffled each round. The first
round is not counted. Efficiency is the work that the real tokens need, in floating-point
operations, over what torch's plain matrix product of the model's own shapes does on this machine in
the same round; beside it, the same over the fastest product that this machine has.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from sentence_transformers import SentenceTransformer

from bench.support.products import needed_operations, rates
from bench.support.report import peak_megabytes, verdict
from encoder import Encoder
from encoder.batching.batches import Item, Pool
from encoder.batching.streams import POOL_TEXTS
from encoder.engines.openvino_engine import BUDGET
from encoder.model.locate import locate
from encoder.selection.candidates import machine
from tandem.base.process.running import BACKENDS

ROOT = Path(__file__).resolve().parents[1]
MODEL = "sentence-transformers/all-MiniLM-L6-v2"
SHARED = ROOT.parent / "shared" / "data" / "msmarco-dl19" / "corpus.jsonl"
EXAMPLES = ROOT / "examples" / "corpus.jsonl"
THEIRS = "sentence-transformers"
BATCH = 32
QUERIES, TOP = 200, 10
QUERY = "what is the capital of france"
QUERY_ROUNDS = 200
WIDE = Console(width=120)
# Precision -> (times sentence-transformers, efficiency) that we want to reach.
TARGETS = {"float32": (1.8, 0.9), "bfloat16": (3.0, 0.75), "int8": (4.0, None)}
MOST_PADDING = 0.02


@dataclass
class Way:
    """One way to encode: what it is, what runs it, and what was measured."""

    name: str
    precision: str
    encode: Callable[[list[str]], np.ndarray[Any, np.dtype[np.float32]]]
    seconds: list[float] = field(default_factory=list)
    efficiency: list[float] = field(default_factory=list)
    of_fastest: list[float] = field(default_factory=list)
    vectors: Any = None

    @property
    def middle(self) -> float:
        """Median seconds."""
        return statistics.median(self.seconds)


def passages(count: int, words: int) -> list[str]:
    """Passages of about so many words: MS MARCO's where they are, else cut from examples/."""
    if SHARED.exists():
        with SHARED.open(encoding="utf-8") as file:
            return [json.loads(line)["text"] for line in islice(file, count)]
    texts = [json.loads(line)["text"] for line in EXAMPLES.read_text("utf-8").splitlines()]
    stream = cycle(" ".join(texts).split())
    dice = random.Random(1)
    lengths = (max(5, round(dice.gauss(words, words / 3))) for _ in range(count))
    return [" ".join(islice(stream, length)) for length in lengths]


def ways(model: str, precisions: list[str]) -> Iterator[Way]:
    """Theirs, and ours by each backend and precision that runs here."""
    peer = SentenceTransformer(str(locate(model)), device="cpu", model_kwargs={"dtype": "float32"})

    def theirs(texts: list[str]) -> Any:
        return peer.encode(texts, batch_size=BATCH, normalize_embeddings=True)

    yield Way(THEIRS, "float32", theirs)
    for precision in precisions:
        encoder = Encoder.load(model, precision=precision, device="cpu")
        taken = encoder.choice.taken
        yield Way(f"tandem {taken.precision} ({taken.backend})", precision, encoder.encode_passages)


def measure(every: list[Way], texts: list[str], operations: float, rounds: int) -> None:
    dice = random.Random(2)
    for turn in track(range(rounds + 1), "rounds", console=Console(stderr=True)):
        limits = {each.precision: rates(each.precision) for each in every}
        for way in dice.sample(every, len(every)):
            began = time.perf_counter()
            way.vectors = way.encode(texts)
            spent = time.perf_counter() - began
            if turn:
                way.seconds.append(spent)
                if limit := limits[way.precision]:
                    plain, fastest = (operations / spent / rate for rate in limit)
                    way.efficiency.append(plain)
                    way.of_fastest.append(fastest)


def padding(lengths: list[int], characters: list[int]) -> tuple[float, float]:
    """Share of computed tokens that are padding: ours, and in batches sorted by characters."""
    pool = Pool(BUDGET)
    waiting = iter(enumerate(lengths))
    area = 0
    while True:
        for number, length in waiting:
            pool.add(Item(number, range(length)))
            if len(pool) >= POOL_TEXTS:
                break
        if not pool:
            break
        sizes = [len(each.ids) for each in pool.take()]
        area += max(sizes) * len(sizes)
    order = np.argsort(-np.array(characters), kind="stable")
    by_characters = np.array(lengths)[order]
    batches = [by_characters[at : at + BATCH] for at in range(0, len(order), BATCH)]
    theirs = sum(int(batch.max()) * len(batch) for batch in batches)
    real = sum(lengths)
    return 1 - real / area, 1 - real / theirs


def top(vectors: Any) -> list[set[int]]:
    """The ten nearest others of the first passages."""
    scores = vectors[:QUERIES] @ vectors.T
    np.fill_diagonal(scores[:, :QUERIES], -2)
    return [set(row) for row in np.argpartition(-scores, TOP, axis=1)[:, :TOP].tolist()]


def overlap(found: Any, reference: Any) -> float:
    pairs = zip(top(found), top(reference), strict=True)
    return statistics.mean(len(a & b) / TOP for a, b in pairs)


def one_query(model: str, rounds: int) -> dict[str, float]:
    """Median seconds of one short query, by each way in turn."""
    peer = SentenceTransformer(str(locate(model)), device="cpu", model_kwargs={"dtype": "float32"})
    encoders = {
        f"tandem ({backend})": Encoder.load(model, backend=backend, only_queries=True, device="cpu")
        for backend in BACKENDS
    }
    ask: dict[str, Callable[[], object]] = {
        THEIRS: lambda: peer.encode([QUERY]),
        **{name: partial(each.encode_queries, [QUERY]) for name, each in encoders.items()},
    }
    seconds: dict[str, list[float]] = {name: [] for name in ask}
    dice = random.Random(3)
    for turn in range(rounds + 10):
        for name in dice.sample(list(ask), len(ask)):
            began = time.perf_counter()
            ask[name]()
            if turn >= 10:
                seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(each) for name, each in seconds.items()}


def show_queries(found: dict[str, float]) -> None:
    table = Table("one query", "milliseconds", "of theirs")
    for name, value in found.items():
        table.add_row(name, f"{value * 1e3:.2f}", f"{value / found[THEIRS]:.2f}")
    WIDE.print(table)
    for name in list(found)[1:]:
        verdict(f"{name}: latency of one query", found[name] / found[THEIRS], 1.0, at_least=False)


def show(every: list[Way], texts: list[str], memory: dict[str, float]) -> None:
    reference = every[0]
    table = Table(
        "",
        "documents/s",
        "times",
        "cosine min",
        "mean",
        f"top {TOP}",
        "efficiency",
        "of fastest",
        "peak MB",
    )
    for way in every:
        cosines = (way.vectors * reference.vectors).sum(1)
        table.add_row(
            way.name,
            f"{len(texts) / way.middle:,.0f}",
            f"{reference.middle / way.middle:.2f}",
            f"{cosines.min():.5f}",
            f"{cosines.mean():.6f}",
            f"{overlap(way.vectors, reference.vectors):.1%}",
            f"{statistics.median(way.efficiency):.2f}" if way.efficiency else "-",
            f"{statistics.median(way.of_fastest):.2f}" if way.of_fastest else "-",
            f"{memory[way.name]:,.0f}" if way.name in memory else "-",
        )
    WIDE.print(table)


def verdicts(every: list[Way], share: float) -> None:
    reference = every[0]
    verdict("padding", share, MOST_PADDING, at_least=False)
    for way in every[1:]:
        times, efficiency = TARGETS[way.precision]
        verdict(f"{way.name}: speed", reference.middle / way.middle, times, at_least=True)
        if efficiency is not None:
            middle = statistics.median(way.efficiency)
            verdict(f"{way.name}: efficiency", middle, efficiency, at_least=True)


def plot(every: list[Way], texts: list[str], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 3.2), layout="constrained")
    names = [way.name for way in every][::-1]
    speeds = [len(texts) / way.middle for way in every][::-1]
    colours = ["#8a8f98" if name == THEIRS else "#2a6fdb" for name in names]
    bars = axes.barh(names, speeds, color=colours)
    axes.bar_label(bars, [f"{speed:,.0f}" for speed in speeds], padding=4)
    axes.set_xlabel("documents per second")
    axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=140)
    print(f"drawn in {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--passages", type=int, default=1000)
    parser.add_argument("--words", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--precision", action="append", choices=TARGETS)
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--plot", action="store_true")
    given = parser.parse_args()
    texts = passages(given.passages, given.words)
    every = list(ways(given.model, given.precision or list(TARGETS)))
    encoder = Encoder.load(given.model, backend="torch", precision="float32", device="cpu")
    lengths = [min(n, encoder.max_length) for n in encoder.count_tokens(texts)]
    print(
        f"{len(texts):,} passages of {statistics.mean(len(t.split()) for t in texts):.0f} words, "
        f"{statistics.mean(lengths):.0f} tokens; {machine()}; "
        f"{torch.get_num_threads()} threads"
    )
    share, theirs = padding(lengths, [len(text) for text in texts])
    print(f"padding: ours {share:.2%}, batches of {BATCH} sorted by characters {theirs:.2%}")
    measure(every, texts, needed_operations(locate(given.model), lengths), given.rounds)
    memory: dict[str, float] = {}
    if not given.no_memory:
        for way in every:
            kind = "theirs" if way.name == THEIRS else way.precision
            memory[way.name] = peak_megabytes(kind, given.model, texts)
    show(every, texts, memory)
    verdicts(every, share)
    show_queries(one_query(given.model, QUERY_ROUNDS))
    if given.plot:
        plot(every, texts, ROOT / "bench" / "out" / "encode.svg")


if __name__ == "__main__":
    main()
