"""`tandem remove`: documents with all their passages, shown and asked first."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from tandem.config import WORDS
from tandem.options.cluster import (
    ClusterTarget,
    cluster_options,
    index_name,
    json_option,
    print_json,
)

if TYPE_CHECKING:
    from ingest.run.removal.remove import Removal


@click.command()
@click.option("--index", required=True, callback=index_name(), help="The index, or its alias.")
@click.option(
    "--id", "ids", type=WORDS, multiple=True, metavar="ID", help="This document; repeat for more."
)
@click.option(
    "--where",
    type=WORDS,
    multiple=True,
    metavar="CONDITION",
    help="Documents with lang=en, year<2019 and the like, as in a search; repeat for more, all of "
    "which must hold.",
)
@click.option("--filter", metavar="JSON", help="Documents that meet this query DSL.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and change nothing.")
@cluster_options
@json_option
def command(
    index: str,
    ids: tuple[str, ...],
    where: tuple[str, ...],
    filter: str | None,
    yes: bool,
    dry_run: bool,
    target: ClusterTarget,
    as_json: bool,
) -> None:
    """Remove documents with all their passages from an index.

    Only what Tandem wrote goes. How many there are, and some of their ids, are shown and asked
    first.
    """
    from ingest import remove
    from query import make_filter
    from query.body.filters.dsl import parse_dsl

    if bool(ids) == bool(where or filter):
        raise click.UsageError("Say which documents: either --id, or --where and --filter.")
    if not yes and not dry_run and not sys.stdin.isatty():
        raise click.UsageError("remove asks, and nobody is here to answer: add --yes.")

    def confirm(found: Removal) -> bool:
        if yes or dry_run:
            return not dry_run
        return click.confirm(f"Remove {_what(found)} from {found.index}?", abort=True, err=True)

    dsl = parse_dsl(filter) if filter else None
    with target.connect() as cluster:
        wanted = None if ids else make_filter(cluster, index, where, dsl)
        found = remove(cluster, index, ids=ids, filter=wanted, confirm=confirm)
    _warn(found)
    if as_json:
        print_json(found.to_json())
    elif found.done or dry_run or not found.passages:
        _tell(found, dry_run=dry_run)


def _warn(found: Removal) -> None:
    for each in found.missing:
        click.echo(f"Warning: {found.index} has no document {each!r}.", err=True)
    if found.changed:
        click.echo(
            f"Warning: {found.changed:,} passages were changed by others meanwhile and stay: the "
            "same command again looks at them as they are now.",
            err=True,
        )


def _tell(found: Removal, *, dry_run: bool) -> None:
    if not found.passages:
        click.echo(f"No document of {found.index} is such; nothing was removed.")
    else:
        click.echo(f"{'Would remove' if dry_run else 'Removed'} {_what(found)}, {found.index}.")


def _what(found: Removal) -> str:
    documents = f"{found.documents:,} document{'' if found.documents == 1 else 's'}"
    some = ", ".join(found.sample) + (", ..." if found.documents > len(found.sample) else "")
    passages = f"{found.passages:,} passage{'' if found.passages == 1 else 's'}"
    return f"{documents} ({some}) with {passages}"
