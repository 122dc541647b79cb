"""`tandem demo`: examples/ in, a few searches out in all three modes, and what to type next."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tandem.options.cluster import ClusterTarget, cluster_options, json_option, print_json

if TYPE_CHECKING:
    from rich.text import Text

    from query import Searcher
    from query.question import Mode

MODEL = "sentence-transformers/all-MiniLM-L6-v2"
INDEX = "tandem-examples"
MODES: tuple[Mode, ...] = ("bm25", "knn", "hybrid")
# How far down the list we look for the passage that answers.
DEPTH = 10


@dataclass(frozen=True)
class Demo:
    """One search of examples/demo.json: what to ask, why, and which passage answers it."""

    query: str
    why: str
    filter: dict[str, Any] | None
    expect: str


@dataclass(frozen=True)
class Outcome:
    """What one mode gave: the first hit's title, and the answer's rank where it was found."""

    mode: str
    top: str
    rank: int | None


def _examples() -> Path:
    return Path(str(files("tandem"))) / "examples"


def _outcome(searcher: Searcher, demo: Demo, mode: Mode) -> Outcome:
    hits = list(searcher.search(demo.query, mode=mode, k=DEPTH, filter=demo.filter))
    rank = next((hit.rank for hit in hits if hit.id == demo.expect), None)
    top = hits[0].source.get("title") or hits[0].id if hits else "nothing"
    return Outcome(mode, str(top), rank)


@click.command()
@cluster_options
@json_option
def command(target: ClusterTarget, as_json: bool) -> None:
    """Ingest examples/ into the embedded node and run its searches in all three modes."""
    from encoder import Encoder
    from ingest import Plan, ingest
    from mappings import Shape
    from query import Searcher
    from tandem.output.progress import ingest_progress, tell

    demos = [Demo(**entry) for entry in json.loads((_examples() / "demo.json").read_text("utf-8"))]
    with target.connect() as cluster:
        click.echo(
            f"Node: {cluster.url} (OpenSearch {cluster.capabilities.version_text})", err=True
        )
        encoder = Encoder.load(MODEL, on_progress=tell)
        with ingest_progress() as on_progress:
            report = ingest(
                _examples() / "corpus.jsonl",
                index=INDEX,
                cluster=cluster,
                encoder=encoder,
                shape=Shape(analyzer="english"),
                # Nothing of it is refused, and its folder need not be one to write into.
                plan=Plan(rejects=Path(os.devnull)),
                on_progress=on_progress,
            )
        searcher = Searcher(cluster, INDEX, encoder=encoder)
        outcomes = [[_outcome(searcher, demo, mode) for mode in MODES] for demo in demos]
    if as_json:
        print_json({"ingest": report.to_json(), "searches": _as_json(demos, outcomes)})
        return
    _show(report, demos, outcomes)


def _as_json(demos: list[Demo], outcomes: list[list[Outcome]]) -> list[dict[str, Any]]:
    return [
        {"query": demo.query, "expect": demo.expect, "rank": {o.mode: o.rank for o in row}}
        for demo, row in zip(demos, outcomes, strict=True)
    ]


def _show(report: Any, demos: list[Demo], outcomes: list[list[Outcome]]) -> None:
    from rich.table import Table
    from rich.text import Text

    from tandem.output.terminal import console

    out = console()
    out.print(
        f"{report.read} passages read: {report.written} written, {report.skipped} unchanged, "
        f"{report.rejected} rejected.\n"
    )
    for demo, row in zip(demos, outcomes, strict=True):
        title, caption = Text(f'"{demo.query}"'), Text(demo.why)
        table = Table(title=title, title_justify="left", caption=caption)
        table.caption_justify = "left"
        for heading in ("Mode", "First hit", "The passage that answers is"):
            table.add_column(heading)
        for outcome in row:
            table.add_row(outcome.mode, outcome.top, _place(outcome.rank))
        out.print(table, "")
    program = sys.argv[0] if sys.argv[0].endswith("tandem") else "tandem"
    out.print("Now ask something yourself:")
    out.print(
        f'  {_shown(program)} search "what is the fastest animal" --index {INDEX}', style="bold"
    )


def _place(rank: int | None) -> Text:
    from rich.text import Text

    if rank == 1:
        return Text("first", style="green")
    return Text(
        f"at rank {rank}" if rank else f"not in the first {DEPTH}", "yellow" if rank else "red"
    )


def _shown(program: str) -> str:
    path = Path(program)
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return path.name
