"""From a JSONL file to searchable documents, beside what users would write, and the searches after.

Every way loads the same passages into the same node, in a fresh process of its own, with the same
HNSW graph; the model's conversions were made before. All ways run in the first round, in a shuffled
order; what later rounds repeat is ours and the strongest peers of the first. Figures are medians.
Each index is then merged into one segment and searched by its own way, again in fresh processes:
the first hit, one query after the other, and many together where the way offers that. All search
twice: for as many candidates as Tandem asks for, as who wants its ranking writes it, and for the
ten that are shown, as most write it.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from bench.encode import MODEL, ROOT
from bench.support.collection import Collection, agreement, collect, ranking, stored
from bench.support.environments.making import peers_python
from bench.support.tables import (
    show_loads,
    show_searches,
    verdicts_of_loads,
    verdicts_of_searches,
    whole,
)
from bench.support.ways import PeerFailedError, Runner, Way, every_way
from cluster import Cluster, connect
from encoder import Encoder
from encoder.engines import openvino_engine
from encoder.model.locate import locate
from encoder.selection.candidates import machine
from mappings import Fusion, Shape
from query.body.knn import EF_A_HIT, LEAST_EF
from query.question import DEPTH

OUT = ROOT / "bench" / "out"
PIPELINE = "tandem-bench-load"
# A smaller mean cosine to float32 is another model's, or a conversion that went wrong.
SAME_MODEL = 0.99
PEERS = ("SentenceTransformer", "fastembed", "LangChain", "Haystack", "LlamaIndex")
USUAL = {"k": 10, "ef_search": None, "pagination_depth": None}
LOOKS = {
    str(DEPTH): {
        "k": DEPTH,
        "ef_search": max(LEAST_EF, EF_A_HIT * DEPTH),
        "pagination_depth": DEPTH,
    },
    "10": USUAL,
}


def pipeline() -> dict[str, Any]:
    """The fusion that Tandem takes unasked, for whoever else fuses in the cluster."""
    weights = Fusion().weights or (0.3, 0.7)
    mean = {"technique": "arithmetic_mean", "parameters": {"weights": list(weights)}}
    processor = {"normalization": {"technique": "min_max"}, "combination": mean}
    return {"phase_results_processors": [{"normalization-processor": processor}]}


def computes_bfloat16() -> bool:
    """Whether a peer that asks OpenVINO for it gets it, and not float32 under its name."""
    able = openvino_engine.require().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "BF16" in able


def prepare(runner: Runner, ways: list[Way]) -> None:
    """Convert the model for the peers that need it, once."""
    for backend in ("openvino", "onnx"):
        target, users = Path(runner.common[backend]), [w for w in ways if w.backend == backend]
        if users and not target.exists():
            began, partial = time.perf_counter(), target.with_name(f"{target.name}-partial")
            shutil.rmtree(partial, ignore_errors=True)
            try:
                runner.run(users[0], "export", **{backend: str(partial)})
                partial.rename(target)
                print(f"once, for {backend}: {time.perf_counter() - began:.1f} s")
            except PeerFailedError as error:
                print(error)
                ways[:] = [way for way in ways if way not in users]


def load_all(cluster: Cluster, runner: Runner, ways: list[Way], rounds: int) -> None:
    """Every way in the first round, those that decide in the others."""
    dice = random.Random(4)
    for turn in range(rounds):
        now = ways if not turn else strongest(ways)
        for way in track(dice.sample(now, len(now)), f"loads, round {turn + 1}", console=err()):
            cluster.client.indices.delete(index=way.index, ignore_unavailable=True)
            with without_failing(ways, way):
                way.loads.append(runner.run(way, "load"))


@contextmanager
def without_failing(ways: list[Way], way: Way) -> Iterator[None]:
    """Tell of a peer that fails, and leave it out from then on."""
    try:
        yield
    except PeerFailedError as error:
        if way.ours:
            raise SystemExit(str(error)) from error
        print(error)
        ways.remove(way)


def strongest(ways: list[Way]) -> list[Way]:
    """Ours, the fastest peer of each precision, and the fastest framework."""
    groups: dict[Any, list[Way]] = {}
    for way in ways:
        if not way.ours:
            groups.setdefault(way.framework or way.precision, []).append(way)
    best = [min(group, key=whole) for group in groups.values()]
    return [way for way in ways if way.ours or way in best]


def judge(cluster: Cluster, ways: list[Way], collection: Collection, encoder: Encoder) -> None:
    """What was stored: how near to float32, and how well it ranks; then one segment each."""
    client, ids = cluster.client, list(collection.texts)
    vectors = encoder.encode_queries([text for _, text in collection.asked])
    exactly = [each for each in ways if each.precision == "float32"]
    plain = next((each for each in exactly if each.backend == "torch"), exactly[0])
    exact = stored(client, plain.index, plain.vector)
    for way in list(ways):
        client.indices.forcemerge(index=way.index, max_num_segments=1, request_timeout=300)
        client.indices.refresh(index=way.index)
        found = exact if way is plain else stored(client, way.index, way.vector)
        if len(found) != len(ids):
            raise SystemExit(f"{way.name}: {len(found)} vectors are stored of {len(ids)}")
        way.cosine = agreement(found, exact, ids)
        way.ranking = ranking(client, way.index, way.vector, vectors, collection)
        if way.cosine < SAME_MODEL:
            print(f"{way.name} is left out: its mean cosine to float32 is {way.cosine:.3f}")
            ways.remove(way)


def search_all(runner: Runner, ways: list[Way], queries: list[str], given: Any) -> None:
    """Each way that searches; frameworks in the first round alone."""
    dice, asked = random.Random(5), {"queries": queries, "one": given.queries}
    for turn in range(given.rounds):
        now = [way for way in ways if way.searched and not (turn and way.framework)]
        for way in track(dice.sample(now, len(now)), f"searches, round {turn + 1}", console=err()):
            with without_failing(ways, way):
                way.searches.append(runner.run(way, "search", **asked))


def err() -> Console:
    return Console(stderr=True)


@contextmanager
def clean(cluster: Cluster, ways: list[Way]) -> Iterator[None]:
    """The fusing pipeline while it is needed; in the end, nothing of ours."""
    path = f"/_search/pipeline/{PIPELINE}"
    request: Callable[..., Any] = cluster.client.transport.perform_request
    names = ",".join(way.index for way in ways)
    request("PUT", path, body=pipeline())
    try:
        yield
    finally:
        cluster.client.indices.delete(index=names, ignore_unavailable=True)
        request("DELETE", path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a cluster (default: the embedded node)")
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--documents", type=int, default=1_500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--queries", type=int, default=100, help="asked one after the other")
    parser.add_argument("--many", type=int, default=400, help="queries asked together")
    parser.add_argument("--peers", type=Path, default=OUT / "peers", help="their environment")
    parser.add_argument("--without", action="append", default=[], choices=PEERS)
    parser.add_argument("--markdown", type=Path, default=OUT / "load.md", help="tables as Markdown")
    given = parser.parse_args()
    ways = [way for way in every_way() if way.name.split()[0] not in given.without]
    if not computes_bfloat16():
        print("This processor has no bfloat16: what would be asked for it is left out.")
        ways = [way for way in ways if way.precision != "bfloat16"]
    given.markdown.unlink(missing_ok=True)
    print(machine())
    collection, encoder = collect(given.documents), Encoder.load(given.model, device="cpu")
    with connect(given.url, timeout=120) as cluster, tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "passages.jsonl"
        collection.write(file)
        runner = Runner(peers_python(given.peers), common(cluster, encoder, given, file))
        with clean(cluster, ways):
            measure(cluster, runner, ways, (collection, encoder, given))


def common(cluster: Cluster, encoder: Encoder, given: Any, file: Path) -> dict[str, Any]:
    """What every way is told."""
    shape = Shape()
    parameters = {"m": shape.m, "ef_construction": shape.ef_construction}
    method = {"name": "hnsw", "engine": "lucene", "space_type": "cosinesimil"}
    return {
        "url": cluster.url,
        "file": str(file),
        "model": str(locate(given.model)),
        "dim": encoder.dim,
        "max_length": encoder.max_length,
        "method": {**method, "parameters": parameters},
        "pipeline": PIPELINE,
        "looks": LOOKS,
        "usual": USUAL,
        "openvino": str(given.peers / "openvino"),
        "onnx": str(given.peers / "onnx"),
    }


def measure(cluster: Cluster, runner: Runner, ways: list[Way], what: Any) -> None:
    collection, encoder, given = what
    prepare(runner, ways)
    if encoder.preparation:
        print(f"once, for Tandem: {sum(encoder.preparation.values()):.1f} s")
    load_all(cluster, runner, ways, given.rounds)
    judge(cluster, ways, collection, encoder)
    show_loads(ways, len(collection.texts), given.markdown)
    verdicts_of_loads(ways, encoder.choice.taken.precision)
    search_all(runner, ways, collection.many(given.many), given)
    show_searches(ways, list(LOOKS), given.markdown)
    verdicts_of_searches(ways, list(LOOKS))


if __name__ == "__main__":
    sys.exit(main())
