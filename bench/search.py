"""How fast searches are: what Tandem adds to a bare request, whole searches, and many at once.

Overhead: one precomputed query vector; Searcher.search against a bare HTTP client that sends the
same ready body, alternated, both reading the answer as JSON. Modes: whole searches of examples/ by
the real encoder, no vector kept. Many: search_many against a loop of single searches, alternated,
with the real encoder and with ready vectors.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import orjson
from rich.console import Console
from rich.table import Table

from bench.support.report import verdict
from cluster import Cluster, connect
from ingest import Plan, ingest
from mappings import Shape
from query import Searcher, Tuning
from query.body.prepare import prepare
from query.body.request import request_of
from query.body.search_plan import plan_searches
from query.question import MODES, Question
from query.target import read_target

INDEX, EXAMPLES = "tandem-bench-search", "tandem-bench-examples"
ROOT = Path(__file__).resolve().parents[1]
DIM, TOPICS = 384, 200
OVERHEAD, MANY = 1.1, 2.0
WORDS = ("water", "bridge", "harbour", "winter", "engine", "market", "forest", "paper", "river")


class ReadyVectors:
    """An encoder whose vectors are there already: clustered, so that neighbours mean something."""

    name, fingerprint, dim, max_length, passage_room = "ready", "0", DIM, 512, 510
    settings: Mapping[str, Any] = {}

    def __init__(self) -> None:
        self._topics = np.random.default_rng(5).standard_normal((TOPICS, DIM))

    def vectors(self, count: int, seed: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        """float32 [count, DIM], unit length."""
        dice = np.random.default_rng(seed)
        found = self._topics[dice.integers(TOPICS, size=count)]
        found = found + 0.7 * dice.standard_normal((count, DIM))
        return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)

    def stream_passages(self, texts: Iterable[str], stopping: Any = None) -> Iterator[Any]:
        """The next vector for each text."""
        for number, _ in enumerate(texts):
            if number % 1000 == 0:
                block = self.vectors(1000, seed=number)
            yield block[number % 1000]

    def encode_queries(self, texts: Sequence[str]) -> Any:
        """Vectors that follow from the number of texts alone; nothing is computed."""
        return self.vectors(len(texts), seed=7)

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """None is needed: every text is short."""
        return []

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Words."""
        return [text.count(" ") + 3 for text in texts]

    def close(self) -> None:
        """Nothing to let go of."""


def documents(count: int) -> Iterator[dict[str, Any]]:
    dice = np.random.default_rng(3)
    for n in range(count):
        picks = dice.integers(len(WORDS), size=50)
        yield {"id": str(n), "text": " ".join(WORDS[i] for i in picks)}


def fill(cluster: Cluster, count: int) -> ReadyVectors:
    encoder = ReadyVectors()
    cluster.client.indices.delete(index=INDEX, ignore_unavailable=True)
    plan = Plan(force_merge=True)
    ingest(documents(count), cluster=cluster, index=INDEX, encoder=encoder, plan=plan)
    return encoder


def overhead(
    cluster: Cluster, encoder: ReadyVectors, mode: str, rounds: int
) -> dict[str, list[float]]:
    """Seconds of one search by each way, a query each in turn."""
    searcher = Searcher(cluster, INDEX, encoder=encoder)
    target = read_target(INDEX, cluster.client.indices.get(index=INDEX))
    vectors = encoder.vectors(rounds, seed=11)
    question = Question("water bridge", mode=mode)
    prepared = prepare(question, target, cluster.capabilities)
    bodies = [request_of(plan_searches(prepared, vector).items).body for vector in vectors]
    address, path = urlsplit(cluster.url), f"/{INDEX}/_search"
    headers = {"content-type": "application/json"}
    plain = http.client.HTTPConnection(str(address.hostname), address.port or 9200)
    with httpx.Client(base_url=cluster.url, headers=headers) as client:

        def by_httpx(n: int) -> Any:
            return orjson.loads(client.post(path, content=bodies[n]).content)

        def by_http_client(n: int) -> Any:
            plain.request("POST", path, body=bodies[n], headers=headers)
            return orjson.loads(plain.getresponse().read())

        ways: dict[str, Callable[[int], Any]] = {
            "Searcher.search": lambda n: searcher.search(
                "water bridge", mode=mode, vector=vectors[n]
            ),
            "bare httpx": by_httpx,
            "bare http.client": by_http_client,
            "opensearch-py, raw": lambda n: cluster.client.transport.perform_request(
                "POST", path, body=bodies[n]
            ),
        }
        return alternated(ways, rounds)


def alternated(ways: dict[str, Callable[[int], Any]], rounds: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    order = list(ways.items())
    for n in range(rounds):
        for name, way in order:
            began = time.perf_counter()
            way(n)
            if n >= rounds // 5:  # the first fifth warms up
                seconds[name].append(time.perf_counter() - began)
        order.append(order.pop(0))  # no way always comes after the same other
    return seconds


def queries() -> list[str]:
    lines = (ROOT / "examples" / "queries.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines]


def load_examples(cluster: Cluster, encoder: Any) -> None:
    cluster.client.indices.delete(index=EXAMPLES, ignore_unavailable=True)
    plan = Plan(shape=Shape(analyzer="english"), force_merge=True)
    source = ROOT / "examples" / "corpus.jsonl"
    ingest(source, cluster=cluster, index=EXAMPLES, encoder=encoder, plan=plan)


def modes(cluster: Cluster, encoder: Any, rounds: int) -> dict[str, list[float]]:
    """Seconds of whole searches, encoding included."""
    load_examples(cluster, encoder)
    texts = queries()
    searcher = Searcher(cluster, EXAMPLES, encoder=encoder, cache=0)
    client = Tuning(place="client")
    ways: dict[str, Callable[[int], Any]] = {
        mode: (lambda n, mode=mode: searcher.search(texts[n % len(texts)], mode=mode))  # type: ignore[misc]
        for mode in MODES
    }
    ways["hybrid, fused by us"] = lambda n: searcher.search(texts[n % len(texts)], tuning=client)
    ways["encoding alone"] = lambda n: encoder.encode_queries([texts[n % len(texts)]])
    return alternated(ways, rounds)


def many(
    cluster: Cluster, index: str, encoder: Any, texts: list[str], mode: str, rounds: int
) -> dict[str, list[float]]:
    """Seconds of all queries, one by one and together, a round each in turn."""
    pairs = [(str(n), text) for n, text in enumerate(texts)]
    searcher = Searcher(cluster, index, encoder=encoder, cache=0)

    def one_by_one(n: int) -> None:
        for _, text in pairs:
            searcher.search(text, mode=mode)

    def together(n: int) -> None:
        answers = list(searcher.search_many(pairs, mode=mode))
        if any(answer.error for answer in answers):
            raise SystemExit(f"a query failed: {answers}")

    return alternated({"one by one": one_by_one, "search_many": together}, rounds)


def show(title: str, seconds: dict[str, list[float]], unit: int = 1) -> dict[str, float]:
    table = Table("", "median ms", "p99 ms", title=title, title_justify="left")
    for name, each in seconds.items():
        high = float(np.quantile(each, 0.99))
        table.add_row(name, *(f"{1000 * s / unit:.3f}" for s in (statistics.median(each), high)))
    Console().print(table)
    return {name: statistics.median(each) for name, each in seconds.items()}


def show_overhead(cluster: Cluster, given: argparse.Namespace) -> None:
    encoder = fill(cluster, given.documents)
    for mode in ("knn", "hybrid"):
        middle = show(
            f"{mode}, precomputed vector, {given.documents:,} passages of {DIM} dimensions",
            overhead(cluster, encoder, mode, given.rounds),
        )
        for bare in ("bare httpx", "bare http.client"):
            ratio = middle["Searcher.search"] / middle[bare]
            verdict(f"{mode}: Searcher.search over {bare}", ratio, OVERHEAD, at_least=False)


def show_many(cluster: Cluster, given: argparse.Namespace, encoder: Any) -> None:
    for mode in MODES:
        texts = queries()
        middle = show(
            f"{len(texts)} queries of examples/, {mode}, a query",
            many(cluster, EXAMPLES, encoder, texts, mode, given.many_rounds),
            len(texts),
        )
        ratio = middle["one by one"] / middle["search_many"]
        verdict(f"search_many, {mode}, over a loop", ratio, MANY, at_least=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a cluster (default: the embedded node)")
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=1_000)
    parser.add_argument("--many-rounds", type=int, default=6)
    parser.add_argument("--model", default="sentence-transformers/all-MiniLM-L6-v2")
    parser.add_argument("--only", choices=("overhead", "modes", "many"))
    given = parser.parse_args()
    with connect(given.url, timeout=60) as cluster:
        if given.only in (None, "overhead"):
            show_overhead(cluster, given)
        if given.only in (None, "modes", "many"):
            from encoder import Encoder

            encoder = Encoder.load(given.model)
            show(
                "Whole searches of examples/, encoding included",
                modes(cluster, encoder, given.rounds // 2),
            )
        if given.only in (None, "many"):
            show_many(cluster, given, encoder)


if __name__ == "__main__":
    main()
