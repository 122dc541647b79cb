"""What requests share: the cluster, the encoder, loaded once, and a searcher for each index."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

import anyio.to_thread
import numpy as np
from anyio import CapacityLimiter
from numpy.typing import NDArray

from cluster import Cluster
from encoder import CrossEncoder, Encoder
from query import Roles, Searcher
from tandem.service.batching import Batcher
from tandem.service.door.observe import Metrics

T = TypeVar("T")
# Searches wait for the cluster most of their time.
THREADS = 64
# Searchers hold an index's mapping and query vectors.
MOST_SEARCHERS = 100


class BatchedQueries:
    """The encoder as a searcher takes it, with the queries of all requests encoded together."""

    def __init__(self, encoder: Encoder, batcher: Batcher) -> None:
        self.name, self.fingerprint, self.dim = encoder.name, encoder.fingerprint, encoder.dim
        self._batcher = batcher

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors, float32 [n, dim]."""
        return self._batcher.submit(texts).result().vectors


@dataclass
class Parts:
    """index: searched where a request names none; reranker: of /rerank and of searches.

    outage: seconds that documents wait for a cluster which takes none.
    """

    cluster: Cluster
    encoder: Encoder
    index: str | None = None
    reranker: CrossEncoder | None = None
    # The caller, who waits, has the documents and may send them again.
    outage: float = 5.0
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        """Start the threads that encode."""
        seen = self.metrics.batch.observe
        count = self.encoder.count_tokens
        self.queries = Batcher(self.encoder.encode_queries, count, seen)
        self.passages = Batcher(self.encoder.encode_passages, count, seen)
        self._searchers: dict[tuple[str, Roles], Searcher] = {}
        self._lock = threading.Lock()

    def searcher(self, index: str, roles: Roles) -> Searcher:
        """The searcher of an index, whose fields are as the roles say; made once."""
        key = (index, roles)
        with self._lock:
            if (found := self._searchers.pop(key, None)) is None:
                encoder = BatchedQueries(self.encoder, self.queries)
                found = Searcher(self.cluster, index, encoder=encoder, roles=roles)
            self._searchers[key] = found  # the one used last is the last to go
            if len(self._searchers) > MOST_SEARCHERS:
                self._searchers.pop(next(iter(self._searchers)))
            return found

    async def run(self, work: Callable[[], T]) -> T:
        """Do it in a thread; a request that is given up does not wait for it."""
        return await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=self._limiter)

    @cached_property
    def _limiter(self) -> CapacityLimiter:
        return CapacityLimiter(THREADS)

    def close(self) -> None:
        """End the threads; the cluster and the encoder stay their owner's."""
        self.queries.close()
        self.passages.close()
