"""`tandem index create|list|show|switch|delete|pipeline|adopt`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from tandem.commands.documents.adopt import command as adopt
from tandem.options.cluster import (
    ClusterTarget,
    cluster_options,
    index_name,
    json_option,
    may_take,
    print_json,
    take_alias_option,
)
from tandem.options.encoder import encoder_options
from tandem.options.fusion import fusion_options
from tandem.options.shape import shape_options, tell_replicas
from tandem.output.terminal import console

if TYPE_CHECKING:
    from rich.table import Table

    from cluster import Cluster
    from mappings import Fusion, Shape
    from tandem.options.encoder import EncoderChoice


@click.group()
def command() -> None:
    """Create, list, show, switch, adopt or delete indexes, or write a search pipeline."""


command.add_command(adopt, "adopt")


@command.command()
@click.argument("name", callback=index_name(new=True))
@encoder_options(required=True)
@shape_options
@cluster_options
@json_option
def create(
    name: str, encoder_choice: EncoderChoice, shape: Shape, target: ClusterTarget, as_json: bool
) -> None:
    """Create an empty index for a model's vectors."""
    from ingest.index.open import create_index

    with target.connect() as cluster:
        tell_replicas(cluster, shape)
        encoder = encoder_choice.load()
        body = create_index(cluster, name, encoder, shape=shape)
    if as_json:
        print_json({"index": name, "body": body})
    else:
        click.echo(f"Created {name}: {encoder.dim} dimensions by {encoder.name}.")


@command.command()
@click.argument("name", callback=index_name())
@cluster_options
@json_option
def show(name: str, target: ClusterTarget, as_json: bool) -> None:
    """Show who encoded an index, how it is laid out and what it holds."""
    from ingest.index.describe import describe, shown

    with target.connect() as cluster, _explained(cluster):
        facts = describe(cluster, name)
    _warn([facts])
    if as_json:
        print_json(facts)
        return
    table = _table(name, "", "")
    table.show_header = False
    for label, value in shown(facts):
        table.add_row(label, value)
    console().print(table)


@command.command("list")
@click.argument("pattern", default="*", callback=index_name(pattern=True))
@cluster_options
@json_option
def list_all(pattern: str, target: ClusterTarget, as_json: bool) -> None:
    """List the indexes that Tandem made: their aliases, documents, models and sizes.

    PATTERN: of their names, such as 'books*', for a user who may not see all.
    """
    from ingest.index.describe import list_indexes, size

    with target.connect() as cluster, _explained(cluster):
        rows = list_indexes(cluster, pattern)
    _warn(rows)
    if as_json:
        print_json({"indexes": rows})
        return
    if not rows:
        named = "" if pattern == "*" else f" that {pattern!r} names"
        click.echo(f"No index of {cluster.url}{named} was made by Tandem.")
        return
    table = _table("", "Index", "Aliases", "Documents", "Model", "Dimension", "Size")
    for row in rows:
        numbers = (f"{row['documents']:,}", str(row["dimension"] or ""), size(row["bytes"]))
        aliases = ", ".join(row["aliases"])
        table.add_row(row["index"], aliases, numbers[0], row["model"] or "(damaged)", *numbers[1:])
    console().print(table)


def _warn(rows: list[dict[str, Any]]) -> None:
    """Say which indexes are not whole, or have a record that cannot be read."""
    from ingest.index.describe import incomplete

    for sentence in filter(None, (row.get("damaged") for row in rows)):
        click.echo(f"Warning: {sentence}", err=True)
    for sentence in filter(None, map(incomplete, rows)):
        click.echo(f"Warning: {sentence}", err=True)


def _table(title: str, *columns: str) -> Table:
    """A table that folds what is too long for the line; nothing in it is markup."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title) if title else None, box=box.SIMPLE_HEAD)
    for name in columns:
        right = name in ("Documents", "Dimension", "Size")
        table.add_column(name, overflow="fold", justify="right" if right else "left")
    return table


@contextmanager
def _explained(cluster: Cluster) -> Iterator[None]:
    """Errors of the client as one sentence; of a missing index, what these commands can offer."""
    from cluster.errors import MissingIndexError

    try:
        with cluster.explaining():
            yield
    except MissingIndexError as error:
        cure = "`tandem index list` shows those that are there"
        raise MissingIndexError(error.what, cure) from None


@command.command()
@click.argument("alias", callback=index_name())
@click.argument("name", callback=index_name())
@click.option(
    "--keep",
    type=click.IntRange(min=0),
    default=None,
    help="Delete the alias's older indexes beyond this many (default: keep all).",
)
@take_alias_option
@click.option("--dry-run", is_flag=True, help="Say what would be deleted, and change nothing.")
@cluster_options
@json_option
def switch(
    alias: str,
    name: str,
    keep: int | None,
    take_alias: bool,
    dry_run: bool,
    target: ClusterTarget,
    as_json: bool,
) -> None:
    """Point ALIAS at index NAME atomically: searches see the old or the new, never neither.

    The alias keeps its filter, its routing, and whether it is written through or hidden.
    """
    from ingest.index.aliases.alias import switch as switch_alias

    with target.connect() as cluster, _explained(cluster):
        take = take_alias or may_take(cluster, alias)
        older = switch_alias(cluster, alias, name, keep=keep, take_alias=take, dry_run=dry_run)
    for note in older.notes:
        click.echo(f"Warning: {note}", err=True)
    if as_json:
        print_json({"alias": alias, "index": name, "deleted": older.gone, "dry_run": dry_run})
        return
    gone = f"{'would delete' if dry_run else 'deleted'} {', '.join(older.gone)}"
    click.echo(f"{alias} -> {name}" + (f"; {gone}" if older.gone else ""))
    if dry_run:
        click.echo("Nothing was changed.", err=True)


@command.command()
@click.argument("name", callback=index_name())
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--with-alias",
    multiple=True,
    help="Delete it though this alias points there; may be given more than once.",
)
@cluster_options
@json_option
def delete(
    name: str, yes: bool, with_alias: tuple[str, ...], target: ClusterTarget, as_json: bool
) -> None:
    """Delete an index that Tandem made and every document in it."""
    from ingest.index.delete import check_deletable, delete_index
    from ingest.index.describe import describe

    if not yes and not sys.stdin.isatty():
        raise click.UsageError("delete asks, and nobody is here to answer: add --yes.")
    with target.connect() as cluster:
        with _explained(cluster):
            check_deletable(name, cluster.get_index(name), with_alias)
            facts = describe(cluster, name)
        _warn([facts])
        if not yes:
            click.confirm(
                f"Delete {name} with {facts['documents']} documents?", abort=True, err=True
            )
        with _explained(cluster):
            delete_index(cluster, name, with_alias=with_alias)
    if as_json:
        print_json({"index": name, "deleted": True, "documents": facts["documents"]})
    else:
        click.echo(f"Deleted {name} with {facts['documents']} documents.")


@command.command()
@click.argument("name", callback=index_name())
@cluster_options
@json_option
def untune(name: str, target: ClusterTarget, as_json: bool) -> None:
    """Have searches of NAME do the usual again, whatever `tandem tune` wrote into it."""
    from query import remove_search_settings

    with target.connect() as cluster:
        changed = remove_search_settings(cluster, name)
    if as_json:
        print_json({"removed": changed})
    elif changed:
        click.echo(f"Searches of {', '.join(changed)} do the usual again.")
    else:
        click.echo(f"{name} was not tuned.", err=True)


def _pipeline_name(ctx: click.Context, param: click.Parameter, value: str) -> str:
    from mappings import fault_of_pipeline_name

    if fault := fault_of_pipeline_name(value):
        message = f"{value!r} cannot be the name of a search pipeline: {fault}."
        raise click.BadParameter(message, ctx, param)
    return value


@command.command()
@click.argument("name", callback=_pipeline_name)
@fusion_options
@click.option("--replace", is_flag=True, help="Replace one of that name that others wrote too.")
@cluster_options
@json_option
def pipeline(
    name: str, fusion: Fusion | None, replace: bool, target: ClusterTarget, as_json: bool
) -> None:
    """Write the search pipeline NAME, which fuses hybrid searches on OpenSearch.

    It is the same definition that a search sends inline; one of that name that Tandem wrote is
    replaced. Use it with `tandem search --pipeline NAME`.
    """
    from mappings import Fusion
    from query.search.pipeline import put_pipeline

    with target.connect() as cluster:
        body = put_pipeline(cluster, name, fusion or Fusion(), replace=replace)
    if as_json:
        print_json({"pipeline": name, "body": body})
        return
    import json

    click.echo(f"Wrote search pipeline {name}:", err=True)
    console().print_json(json.dumps(body))
