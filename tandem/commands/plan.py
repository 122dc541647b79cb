"""`tandem plan`: what an index of so many passages takes, before there is one."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import click

from mappings import Shape
from mappings.quantization import Need, needs
from tandem.config import Number
from tandem.options.cluster import json_option, print_json

_NAMES = {
    "lucene": "OpenSearch, lucene",
    "faiss": "OpenSearch, faiss",
    "elasticsearch": "Elasticsearch",
}


_DAY = 24


@dataclass(frozen=True)
class Loading:
    """How long a load takes: hours of one worker, and how many workers end it within a day."""

    hours: float
    workers: int


def loading(passages: int, rate: float) -> Loading:
    """Of workers that load so many passages a second each; no passages take none."""
    hours = passages / rate / 3600
    return Loading(hours, math.ceil(hours / _DAY))


@click.command()
@click.argument("passages", type=click.IntRange(min=0))
@click.option(
    "--dim", type=click.IntRange(1, 16_000), required=True, help="Dimensions of a vector."
)
@click.option(
    "--m",
    type=click.IntRange(2, 512),
    default=Shape().m,
    show_default=True,
    help="HNSW: edges of a node.",
)
@click.option(
    "--rate",
    type=Number(min=0.001),
    help="Passages that one worker loads a second, as a load of some shows: how long all take.",
)
@json_option
def command(passages: int, dim: int, m: int, rate: float | None, as_json: bool) -> int:
    """Show what PASSAGES vectors of --dim dimensions take of memory and disk, in every way.

    Memory is what the nodes together should have beside their heaps, so that no search waits for
    the disk; disk holds vectors and graph, not texts. Each replica takes the same again. By the
    formulas of OpenSearch's and Elasticsearch's documentation, which are shown.
    """
    found, time = needs(passages, dim, m), None if rate is None else loading(passages, rate)
    if as_json:
        shown = {"passages": passages, "dimensions": dim, "m": m, "ways": list(map(asdict, found))}
        print_json(shown if time is None else {**shown, "rate": rate, **asdict(time)})
        return 0
    _print_table(found)
    if time:
        click.echo(
            f"\nAt {rate:g} passages a second one worker takes {time.hours:,.1f} hours; "
            f"workers for a day: {time.workers:,}."
        )
    return 0


def _print_table(found: list[Need]) -> None:
    from rich.table import Table

    from ingest.index.describe import size
    from tandem.output.terminal import console

    table = Table(box=None, pad_edge=False)
    table.add_column("store")
    table.add_column("quantization")
    table.add_column("memory", justify="right")
    table.add_column("disk", justify="right")
    table.add_column("bytes of memory a passage")
    for each in found:
        sizes = size(each.memory), size(each.disk)
        table.add_row(_NAMES[each.store], each.quantization, *sizes, each.formula)
    console().print(table)
