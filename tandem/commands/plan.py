"""`tandem plan`: what an index of so many passages takes, before there is one."""

from __future__ import annotations

from dataclasses import asdict

import click

from mappings import Shape
from mappings.quantization import Need, needs
from tandem.options.cluster import json_option, print_json

_NAMES = {
    "lucene": "OpenSearch, lucene",
    "faiss": "OpenSearch, faiss",
    "elasticsearch": "Elasticsearch",
}


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
@json_option
def command(passages: int, dim: int, m: int, as_json: bool) -> int:
    """Show what PASSAGES vectors of --dim dimensions take of memory and disk, in every way.

    Memory is what the nodes together should have beside their heaps, so that no search waits for
    the disk; disk holds vectors and graph, not texts. Each replica takes the same again. By the
    formulas of OpenSearch's and Elasticsearch's documentation.
    """
    found = needs(passages, dim, m)
    if as_json:
        print_json(
            {"passages": passages, "dimensions": dim, "m": m, "ways": list(map(asdict, found))}
        )
    else:
        _print_table(found)
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
    for each in found:
        table.add_row(_NAMES[each.store], each.quantization, size(each.memory), size(each.disk))
    console().print(table)
