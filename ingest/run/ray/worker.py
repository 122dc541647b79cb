"""What loads chunks of rows in a process of Ray's, with an encoder of its own."""

from __future__ import annotations

import pickle
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib import import_module
from importlib.metadata import version
from threading import Lock
from typing import TYPE_CHECKING, Any

from cluster.errors import UnreachableError
from ingest.errors import IngestError
from ingest.records import PassageEncoder
from ingest.run.batch.batch import Batch, load_batch
from ingest.run.ray.parts import Chunk, Failure, Reach, Setup, Taken
from ingest.run.ray.reading import LookedFor
from ingest.write.client import IndexClient
from tandem.base.errors import TandemError
from tandem.base.process.running import share_cores

if TYPE_CHECKING:
    from cluster import Cluster

PACKAGE = "tandem-search"
AGAIN_SECONDS = 2.0
# Chunks that a worker has in hand.
CALLS = 2


class Worker:
    """Loads chunks with an encoder that is loaded once, while the first of them are read.

    Called by CALLS threads: while one chunk is encoded, another is read, looked up and written.
    """

    def __init__(self, setup: Setup) -> None:
        setup.reach.enter()
        share_cores(setup.reach.cores)
        self._setup = setup
        self._turn = Lock()
        self._opened = ThreadPoolExecutor(1).submit(self._open)

    def _open(self) -> tuple[Cluster, PassageEncoder, int]:
        """What all chunks need, and the bytes of a request that the cluster takes."""
        cluster, setup = self._connected(), self._setup
        writing = setup.plan.writing
        asking = IndexClient(cluster, setup.index.name, None, writing.max_outage)
        return cluster, _encoder(setup.reach), asking.largest_request(writing.max_bytes)

    def _connected(self) -> Cluster:
        """Waited for as requests are: who takes the place of a worker that died may find none."""
        end = time.monotonic() + self._setup.plan.writing.max_outage
        while True:
            try:
                return self._setup.reach.connect()
            except UnreachableError:
                if time.monotonic() > end:
                    raise
                time.sleep(AGAIN_SECONDS)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """One chunk, as a row of Ray, becomes what came of it."""
        return {"made": pickle.dumps(self._load(pickle.loads(row["chunk"])))}

    def _load(self, chunk: Chunk | Failure) -> Batch | Failure:
        if isinstance(chunk, Failure):
            return chunk
        setup = self._setup
        try:
            cluster, encoder, largest = self._opened.result()
            made = load_batch(
                chunk.rows,
                cluster=cluster,
                encoder=encoder,
                index=setup.index,
                plan=setup.plan,
                fitter=setup.fitter,
                ids=Taken(chunk.taken),
                turn=self._turn,
                largest=largest,
            )
        except TandemError as error:
            return Failure.of(error)
        # What is odd about the first documents is told of those of the whole source.
        return replace(made, report=replace(made.report, warnings=()))


def _encoder(reach: Reach) -> PassageEncoder:
    encoder = reach.load()
    if encoder.fingerprint != reach.fingerprint:
        raise IngestError(
            f"a worker loaded {encoder.name!r} with fingerprint {encoder.fingerprint}, and the "
            f"run has {reach.fingerprint}: give all machines the same model."
        )
    return encoder


def fault_of_machine(release: str, packed: bytes, looked_for: Sequence[LookedFor]) -> str | None:
    """What keeps this machine from working for a run, None where nothing does.

    release: of Tandem that the run has; packed: its Reach, pickled; looked_for: its files.
    """
    if version(PACKAGE) != release:
        return f"it has {PACKAGE} {version(PACKAGE)}, and the run {release}: install the same."
    # What readers and workers are given comes by it, and it needs more packages than Ray's tasks.
    import_module("ray.data")
    reach: Reach = pickle.loads(packed)
    reach.enter()
    try:
        for each in looked_for:
            each.look()
        reach.connect().close()
        _encoder(reach)
    except TandemError as error:
        return str(error)
    return None
