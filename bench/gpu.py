"""How fast passages are encoded on a GPU, beside SentenceTransformer.encode in float16.

Two models: one that is given, and one of random weights and of distilroberta's size. Theirs runs
with several batch sizes and its best counts; ours runs as it chooses. Both take turns, the first
round is not counted. The share of the peak is the work that the real tokens need, in floating-point
operations, over what a product of two large square matrices does on the same device. `make bench`
leaves this one out, because most machines have no GPU: `python -m bench.gpu`.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from sentence_transformers import SentenceTransformer
from transformers import DistilBertConfig, DistilBertModel

from bench.encode import MODEL, passages
from bench.support.products import needed_operations
from bench.support.report import verdict
from encoder import Encoder
from encoder.model.locate import locate
from encoder.selection.candidates import best_device

FASTER = 2.0
THEIRS = (32, 128, 512)
SIDE = 8192
PRODUCTS = 20
COMPARED = 200


@contextmanager
def large_model(tokenizer_of: Path) -> Iterator[Path]:
    """A folder with a model of 6 layers of 768, which is distilroberta's size, random weights."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "distilroberta-sized"
        torch.manual_seed(0)
        DistilBertModel(DistilBertConfig()).save_pretrained(folder)
        for file in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
            shutil.copy(tokenizer_of / file, folder)
        yield folder


def peak(device: torch.device, dtype: torch.dtype, side: int) -> float:
    """Operations in a second of a product of two square matrices."""
    left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    seconds = []
    for _ in range(PRODUCTS):
        began = time.perf_counter()
        (left @ right)[0, 0].item()  # waits for the device
        seconds.append(time.perf_counter() - began)
    return 2.0 * side**3 / statistics.median(seconds)


def compare(model: Path, device: str, texts: list[str], given: argparse.Namespace) -> None:
    """Time both ways in turn and print what was found."""
    ours = Encoder.load(model, device=device)
    peer = SentenceTransformer(str(model), device=device, model_kwargs={"dtype": given.theirs})
    ways: dict[str, Callable[[], Any]] = {
        f"sentence-transformers {given.theirs}, batch {size}": partial(
            peer.encode, texts, batch_size=size, normalize_embeddings=True
        )
        for size in THEIRS
    }
    ways[f"tandem {ours.choice.taken.precision}"] = partial(ours.encode_passages, texts)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    dice = random.Random(1)
    for turn in range(given.rounds + 1):
        for name in dice.sample(list(ways), len(ways)):
            began = time.perf_counter()
            ways[name]()
            if turn:
                seconds[name].append(time.perf_counter() - began)
    middle = {name: statistics.median(each) for name, each in seconds.items()}
    *others, own = middle
    show(model.name, middle, texts)
    verdict(
        f"{model.name}: speed",
        min(middle[name] for name in others) / middle[own],
        FASTER,
        at_least=True,
    )
    lengths = [min(n, ours.max_length) for n in ours.count_tokens(texts)]
    dtype = getattr(torch, ours.choice.taken.precision)
    limit = peak(torch.device(device), dtype, given.side)
    share = needed_operations(model, lengths) / middle[own] / limit
    exact = Encoder.load(model, device="cpu", backend="torch", precision="float32")
    pairs = [each.encode_passages(texts[:COMPARED]) for each in (ours, exact)]
    print(f"share of the matrix peak of {limit / 1e12:.0f} teraflops: {share:.2f}")
    print(f"least cosine to float32 on the processor: {(pairs[0] * pairs[1]).sum(1).min():.5f}")


def show(title: str, middle: dict[str, float], texts: list[str]) -> None:
    table = Table("", "documents/s", title=title, title_justify="left")
    for name, value in middle.items():
        table.add_row(name, f"{len(texts) / value:,.0f}")
    Console(width=100).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--device", default=best_device())
    parser.add_argument("--passages", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--side", type=int, default=SIDE, help="of the matrices of the peak")
    parser.add_argument("--theirs", default="float16", help="the numbers that they compute with")
    given = parser.parse_args()
    texts = passages(given.passages, 64)
    given_model = locate(given.model)
    with large_model(given_model) as large:
        for model in (given_model, large):
            compare(model, given.device, texts, given)


if __name__ == "__main__":
    main()
