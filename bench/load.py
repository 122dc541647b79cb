"""From a JSONL file to searchable documents, beside what users would write, and the searches after.

Every way loads the same passages into the same node, in a fresh process of its own, with the same
HNSW graph; the model's conversions were made before. All ways run in the first round, in a shuffled
order; what later rounds repeat is ours and the strongest peers of the first. Figures are medians.
Each index is then merged into one segment and searched by its own way, again in fresh processes:
the first hit, one query after the other, and many together where the way offers that.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
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
from bench.support.environment import peers_python
from bench.support.report import show, verdict
from bench.support.ways import PeerFailedError, Runner, Way, every_way
from cluster import Cluster, connect
from encoder import Encoder
from encoder.model.locate import locate
from encoder.selection.candidates import machine
from mappings import Fusion, Shape

OUT = ROOT / "bench" / "out"
PIPELINE = "tandem-bench-load"
WHOLE, FRAMEWORKS, MANY = 1.3, 3.0, 1.2
# A smaller mean cosine to float32 is another model's, or a conversion that went wrong.
SAME_MODEL = 0.99
MODES = ("knn", "hybrid")


def pipeline() -> dict[str, Any]:
    """The fusion that Tandem takes unasked, for whoever else fuses in the cluster."""
    weights = Fusion().weights or (0.3, 0.7)
    mean = {"technique": "arithmetic_mean", "parameters": {"weights": list(weights)}}
    processor = {"normalization": {"technique": "min_max"}, "combination": mean}
    return {"phase_results_processors": [{"normalization-processor": processor}]}


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


def whole(way: Way) -> float:
    return middle(way.loads, "whole")


def middle(found: list[dict[str, float]], name: str) -> float:
    return statistics.median(each[name] for each in found)


def judge(cluster: Cluster, ways: list[Way], collection: Collection, encoder: Encoder) -> None:
    """What was stored: how near to float32, and how well it ranks; then one segment each."""
    client, ids = cluster.client, list(collection.texts)
    vectors = encoder.encode_queries([text for _, text in collection.asked])
    plain = next(each for each in ways if each.backend == "torch" and each.precision == "float32")
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


def show_loads(ways: list[Way], count: int, markdown: Path) -> None:
    headings = ["load", "documents/s", "with start-up", "whole s", "peak MB", "cosine", "nDCG@10"]
    rows = []
    for way in sorted(ways, key=whole):
        rows.append(
            [
                way.name,
                f"{count / middle(way.loads, 'load'):.0f}",
                f"{count / whole(way):.0f}",
                f"{whole(way):.1f}",
                f"{middle(way.loads, 'peak'):,.0f}",
                f"{way.cosine:.6f}",
                f"{way.ranking:.4f}",
                str(len(way.loads)),
            ]
        )
    show(f"{count:,} passages, from a file to searchable", [*headings, "rounds"], rows, markdown)


def show_searches(ways: list[Way], markdown: Path) -> None:
    headings = ["search", "first hit s", "kNN ms", "hybrid ms", "many kNN/s", "many hybrid/s"]
    rows = []
    for way in (each for each in ways if each.searched):
        many = [
            f"{middle(way.searches, f'many {mode}'):.0f}"
            if f"many {mode}" in way.searches[0]
            else "-"
            for mode in MODES
        ]
        one = [f"{middle(way.searches, mode):.2f}" for mode in ("first", *MODES)]
        peak = f"{middle(way.searches, 'peak'):,.0f}"
        rows.append([way.name, *one, *many, peak, str(len(way.searches))])
    title = "From a text to its hits, in fresh processes"
    show(title, [*headings, "peak MB", "rounds"], rows, markdown)


def verdicts_of_loads(ways: list[Way]) -> None:
    peers = [way for way in ways if not way.ours]
    for own in (way for way in ways if way.ours):
        equal = [way for way in peers if way.precision == own.precision]
        best, least = min(equal, key=whole), min(equal, key=lambda way: middle(way.loads, "peak"))
        times = whole(best) / whole(own)
        verdict(f"{own.name}: whole load over {best.name}", times, WHOLE, at_least=True)
        share = middle(own.loads, "peak") / middle(least.loads, "peak")
        verdict(f"{own.name}: peak memory over {least.name}'s", share, 1.0, at_least=False)
    own, best = ways[0], min((way for way in peers if way.framework), key=whole)
    what = f"{own.name}, chosen unasked: whole load over {best.name}"
    verdict(what, whole(best) / whole(own), FRAMEWORKS, at_least=True)


def verdicts_of_searches(ways: list[Way]) -> None:
    own = next(way for way in ways if way.ours and way.searched)
    peers = [way for way in ways if way.searched and not way.ours]
    for name, what in (
        ("first", "first hit"),
        ("knn", "one query, kNN,"),
        ("hybrid", "one query, hybrid,"),
        ("peak", "peak memory of searching"),
    ):
        best = min(peers, key=lambda way: middle(way.searches, name))
        share = middle(own.searches, name) / middle(best.searches, name)
        verdict(f"{what} over {best.name}", share, 1.0, at_least=False)
    for mode in MODES:
        name = f"many {mode}"
        able = [way for way in peers if name in way.searches[0]]
        best = max(able, key=lambda way: middle(way.searches, name))
        times = middle(own.searches, name) / middle(best.searches, name)
        verdict(f"many queries, {mode}, over {best.name}", times, MANY, at_least=True)


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
    parser.add_argument("--without", action="append", default=[], help="peers with this name")
    parser.add_argument("--markdown", type=Path, default=OUT / "load.md", help="tables as Markdown")
    given = parser.parse_args()
    ways = [way for way in every_way() if way.name.split()[0] not in given.without]
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
    verdicts_of_loads(ways)
    search_all(runner, ways, collection.many(given.many), given)
    show_searches(ways, given.markdown)
    verdicts_of_searches(ways)


if __name__ == "__main__":
    sys.exit(main())
