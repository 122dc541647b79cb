"""What the tests of searching share: indexes with known vectors, and exact answers to compare."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from threading import Event
from typing import Any

import numpy as np

from cluster import Cluster
from encoder import Encoder
from ingest import Plan, ingest
from mappings import Shape
from tests.support.loads import ROOT
from tests.support.stubs import StubEncoder

DIM = 32
MODEL = "sentence-transformers/all-MiniLM-L6-v2"


def encoder(**options: Any) -> StubEncoder:
    """An encoder whose vectors follow from the text alone."""
    return StubEncoder(**{"dim": DIM, "max_length": 512} | options)


class Remembering:
    """A real encoder that encodes each text once, for all the tests that load the same ones."""

    def __init__(self, model: str) -> None:
        real = self._real = Encoder.load(model)
        self.name, self.fingerprint, self.settings = real.name, real.fingerprint, real.settings
        self.dim, self.max_length, self.passage_room = real.dim, real.max_length, real.passage_room
        self.token_spans, self.count_tokens = real.token_spans, real.count_tokens
        self._vectors: dict[str, np.ndarray] = {}

    def stream_passages(
        self, texts: Iterable[str], stopping: Event | None = None
    ) -> Iterator[np.ndarray]:
        texts = iter(texts)
        while not (stopping and stopping.is_set()) and (batch := list(islice(texts, 32))):
            new = [text for text in dict.fromkeys(batch) if text not in self._vectors]
            if new:
                self._vectors |= zip(new, self._real.stream_passages(new), strict=True)
            yield from (self._vectors[text] for text in batch)


@cache
def real_encoder() -> Remembering:
    """Of all-MiniLM-L6-v2."""
    return Remembering(MODEL)


def corpus() -> list[dict[str, Any]]:
    """The passages of examples/."""
    lines = (ROOT / "examples" / "corpus.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def queries() -> list[str]:
    """The queries of examples/."""
    lines = (ROOT / "examples" / "queries.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines]


def encoded_text(row: dict[str, Any]) -> str:
    """What an ingestion encodes of a row."""
    return f"{row['title']}\n{row['text']}" if row.get("title") else row["text"]


def cosines(query: str, rows: Sequence[dict[str, Any]], by: StubEncoder) -> dict[str, float]:
    """The exact cosine of a query and each row's vector, by id."""
    vectors = np.stack([by.vector(encoded_text(row)) for row in rows])
    found = vectors @ by.vector(query)
    return {row.get("_id", row.get("id")): float(c) for row, c in zip(rows, found, strict=True)}


@contextlib.contextmanager
def loaded(
    cluster: Cluster,
    rows: Sequence[dict[str, Any]],
    shards: int = 1,
    by: Any = None,
) -> Iterator[str]:
    """An index of the rows, in one segment a shard, deleted at the end; yields its name."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    plan = Plan(shape=Shape(shards=shards, replicas=0), force_merge=True)
    try:
        report = ingest(rows, cluster=cluster, index=name, encoder=by or encoder(), plan=plan)
        assert report.written == len(rows)
        yield name
    finally:
        cluster.client.indices.delete(index=name, ignore_unavailable=True)
