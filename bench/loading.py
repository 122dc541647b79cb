"""How fast documents are written, and whether the stages overlap; peers alternate in one run.

Write: from ready vectors of 384 dimensions, ours against opensearchpy.helpers.bulk with its
defaults, and against a bare HTTP client that replays request bodies built beforehand. All three
write the same documents into new indexes with the same body; making these is timed for none.
Overlap: a whole load with the real encoder against its longest stage done alone, from texts as
long as MS MARCO's passages, and enough of them that the encoder's pool of about a thousand is
filled again and again. Enrich: short documents that are there already get their vectors in place,
against an ingest of the same documents. Node, encoder and writer share this machine's cores, so all
figures mean something only where nothing else runs.
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from queue import SimpleQueue
from typing import Any

import httpx
import numpy as np
from opensearchpy import helpers
from rich.console import Console
from rich.table import Table

from bench.support.report import verdict
from cluster import Cluster, connect
from ingest import Report, Writing, enrich, ingest
from ingest.index.open import create_index
from ingest.passages.split import Splitter
from ingest.records import Document, Origin, Passage
from ingest.settings import Splitting
from ingest.write.bulk import actions, requests
from mappings import Fields, Shape

INDEX = "tandem-bench-ingest"
DIM = 384
FASTER_THAN_BULK = 1.5
SHARE_OF_BARE = 0.8
OVERLAP = 1.15
ENRICH = 1.3
# What ingest() itself gives an index that it makes; here given to all.
RELAXED = {"refresh_interval": "-1", "number_of_replicas": 0}
WORDS = ("water", "bridge", "harbour", "winter", "engine", "market", "forest", "paper", "river")


class ReadyVectors:
    """An encoder whose vectors are there already, so that only writing is measured."""

    name, fingerprint, dim, max_length, passage_room = "ready", "0", DIM, 512, 510
    settings: Mapping[str, Any] = {}

    def __init__(self, vectors: np.ndarray[Any, np.dtype[np.float32]]) -> None:
        self.vectors = vectors

    def stream_passages(self, texts: Iterable[str], stopping: Any = None) -> Iterator[Any]:
        """The next vector for each text."""
        return (vector for vector, _ in zip(self.vectors, texts, strict=True))

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """None is needed: every text is short."""
        return []

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Words."""
        return [text.count(" ") + 3 for text in texts]


def documents(lengths: Iterable[int]) -> list[dict[str, Any]]:
    """Documents of so many words each; every word is one token of the reference models."""
    dice = np.random.default_rng(3)
    picks = (dice.integers(len(WORDS), size=length) for length in lengths)
    return [{"id": str(n), "text": " ".join(WORDS[i] for i in row)} for n, row in enumerate(picks)]


def msmarco_lengths(count: int) -> list[int]:
    """Tokens as in MS MARCO's passages, of which 5,000 were counted: mean 83, median 72."""
    return [max(8, int(each)) for each in np.random.default_rng(5).gamma(4.0, 20.0, size=count)]


def passages(source: list[dict[str, Any]], encoder: ReadyVectors) -> list[Passage]:
    from dataclasses import replace

    made = (
        Document(n, d["id"], d["text"], None, {}, "", "", Origin("bench", n), d)
        for n, d in enumerate(source)
    )
    split = Splitter(encoder, Splitting(), Fields(), lambda by: None).split(made)
    return [
        replace(passage, vector=vector)
        for passage, vector in zip(chain.from_iterable(split), encoder.vectors, strict=True)
    ]


def fresh(cluster: Cluster, encoder: Any) -> None:
    cluster.client.indices.delete(index=INDEX, ignore_unavailable=True)
    create_index(cluster, INDEX, encoder, shape=Shape())
    cluster.client.indices.put_settings(index=INDEX, body={"index": RELAXED})


def with_ours(cluster: Cluster, source: list[dict[str, Any]], encoder: Any) -> Report:
    cluster.client.indices.delete(index=INDEX, ignore_unavailable=True)
    report = ingest(source, cluster=cluster, index=INDEX, encoder=encoder)
    if report.written != len(source):
        raise SystemExit(f"{report.written} of {len(source)} written")
    return report


def with_bulk(cluster: Cluster, made: list[Passage], encoder: ReadyVectors) -> float:
    fresh(cluster, encoder)
    began = time.perf_counter()
    items = (
        {
            "_index": INDEX,
            "_id": p.id,
            **p.body,
            "content_hash": p.stamp,
            "vector": p.vector,
        }
        for p in made
    )
    helpers.bulk(cluster.client, items)
    cluster.client.indices.refresh(index=INDEX)
    return time.perf_counter() - began


def with_bare(cluster: Cluster, bodies: list[bytes], encoder: ReadyVectors) -> float:
    """Replay ready bodies with as many connections as ours has requests in flight."""
    fresh(cluster, encoder)
    waiting: SimpleQueue[bytes | None] = SimpleQueue()
    for body in [*bodies, *[None] * Writing().in_flight]:
        waiting.put(body)
    headers = {"content-type": "application/x-ndjson"}

    def send() -> None:
        with httpx.Client(timeout=60) as client:
            while (body := waiting.get()) is not None:
                url = f"{cluster.url}/{INDEX}/_bulk?filter_path=errors"
                answer = client.post(url, content=body, headers=headers)
                if answer.json()["errors"]:
                    raise SystemExit("the bare client got errors")

    began = time.perf_counter()
    threads = [threading.Thread(target=send) for _ in range(Writing().in_flight)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cluster.client.indices.refresh(index=INDEX)
    return time.perf_counter() - began


def write_speed(cluster: Cluster, count: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of each way, a round each in turn."""
    source = documents([50] * count)
    vectors = np.random.default_rng(4).standard_normal((count, DIM)).astype(np.float32)
    encoder = ReadyVectors(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    made = passages(source, encoder)
    groups = requests(actions(iter(made), Fields()), Writing())
    bodies = [b"".join(action.data for action in group) for group in groups]
    ways: dict[str, Callable[[], float]] = {
        # From the first document to the last count: the index is made before, as for the others.
        "tandem": lambda: with_ours(cluster, source, encoder).seconds,
        "helpers.bulk": lambda: with_bulk(cluster, made, encoder),
        "bare replay": lambda: with_bare(cluster, bodies, encoder),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    # The first round warms the node up.
    for turn in range(rounds + 1):
        for name, way in ways.items():
            spent = way()
            if turn:
                seconds[name].append(spent)
    cluster.client.indices.delete(index=INDEX)
    return seconds


def in_turn(
    cluster: Cluster, ways: Mapping[str, Callable[[], float]], rounds: int
) -> dict[str, list[float]]:
    """Seconds of each way, a round of each in turn; the index goes in the end."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            seconds[name].append(way())
    cluster.client.indices.delete(index=INDEX)
    return seconds


def overlap(cluster: Cluster, model: str, count: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of the whole load, and of each stage alone, a round each in turn."""
    from encoder import Encoder

    encoder = Encoder.load(model)
    source = documents(msmarco_lengths(count))
    texts = [document["text"] for document in source]
    vectors = np.stack(list(encoder.stream_passages(texts)))
    ready = ReadyVectors(vectors)
    ways: dict[str, Callable[[], float]] = {
        "whole load": lambda: timed(lambda: with_ours(cluster, source, encoder)),
        "encode alone": lambda: timed(lambda: sum(1 for _ in encoder.stream_passages(texts))),
        "tokenise alone": lambda: timed(lambda: encoder.count_tokens(texts)),
        "write alone": lambda: timed(lambda: with_ours(cluster, source, ready)),
    }
    return in_turn(cluster, ways, rounds)


def enrichment(cluster: Cluster, model: str, count: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of an ingest and of an enrich of the same short documents, a round each in turn."""
    from encoder import Encoder

    encoder = Encoder.load(model)
    source = documents([12] * count)

    def enriched() -> float:
        cluster.client.indices.delete(index=INDEX, ignore_unavailable=True)
        settings = {"number_of_replicas": 0}
        settings |= {"knn": True} if cluster.capabilities.distribution == "opensearch" else {}
        cluster.client.indices.create(index=INDEX, body={"settings": {"index": settings}})
        helpers.bulk(cluster.client, ({"_index": INDEX, "_id": d["id"], **d} for d in source))
        cluster.client.indices.refresh(index=INDEX)
        report = enrich(cluster, INDEX, encoder, text_field="text")
        if report.written != count:
            raise SystemExit(f"{report.written} of {count} enriched")
        return report.seconds

    ways = {"ingest": lambda: with_ours(cluster, source, encoder).seconds, "enrich": enriched}
    return in_turn(cluster, ways, rounds)


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def show(title: str, seconds: dict[str, list[float]], count: int) -> dict[str, float]:
    table = Table("", "seconds", "documents/s", title=title, title_justify="left")
    middle = {name: statistics.median(each) for name, each in seconds.items()}
    for name, value in middle.items():
        table.add_row(name, f"{value:.2f}", f"{count / value:,.0f}")
    Console().print(table)
    return middle


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a cluster (default: the embedded node)")
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--encoded", type=int, default=4_000, help="documents of the overlap")
    parser.add_argument("--enriched", type=int, default=20_000, help="short documents of enrich")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="sentence-transformers/all-MiniLM-L6-v2")
    parser.add_argument("--only", choices=("write", "overlap", "enrich"))
    given = parser.parse_args()
    with connect(given.url, timeout=60) as cluster:
        if given.only in (None, "write"):
            spent = write_speed(cluster, given.documents, given.rounds)
            middle = show("Writing ready vectors", spent, given.documents)
            bulk, bare = middle["helpers.bulk"], middle["bare replay"]
            verdict(
                "speed over helpers.bulk", bulk / middle["tandem"], FASTER_THAN_BULK, at_least=True
            )
            verdict("share of a bare replay", bare / middle["tandem"], SHARE_OF_BARE, at_least=True)
        if given.only in (None, "overlap"):
            spent = overlap(cluster, given.model, given.encoded, given.rounds)
            middle = show("Overlap of the stages", spent, given.encoded)
            longest = max(value for name, value in middle.items() if name != "whole load")
            share = middle["whole load"] / longest
            verdict("whole load over its longest stage", share, OVERLAP, at_least=False)
        if given.only in (None, "enrich"):
            spent = enrichment(cluster, given.model, given.enriched, given.rounds)
            middle = show("Vectors for documents that are there", spent, given.enriched)
            share = middle["enrich"] / middle["ingest"]
            verdict("enrich over ingest", share, ENRICH, at_least=False)


if __name__ == "__main__":
    main()
