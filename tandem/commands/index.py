"""`tandem index create|show|switch|delete|pipeline`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from tandem.encoder_options import encoder_options
from tandem.fusion_options import fusion_options
from tandem.options import Target, cluster_options, json_option, print_json
from tandem.shape_options import shape_options

if TYPE_CHECKING:
    from cluster import Cluster
    from mappings import Fusion, Shape
    from tandem.encoder_options import EncoderChoice


@click.group()
def command() -> None:
    """Create, show, switch or delete an index, or write a search pipeline."""


def _one_name(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if any(mark in value for mark in "*,?") or value == "_all":
        raise click.BadParameter(f"{value!r} names several indexes: give one name.", ctx, param)
    return value


@command.command()
@click.argument("name", callback=_one_name)
@encoder_options(required=True)
@shape_options
@cluster_options
@json_option
def create(
    name: str, encoder_choice: EncoderChoice, shape: Shape, target: Target, as_json: bool
) -> None:
    """Create an empty index for a model's vectors."""
    from ingest.index import create_index

    with target.connect() as cluster:
        encoder = encoder_choice.load()
        body = create_index(cluster, name, encoder, shape)
    if as_json:
        print_json({"index": name, "body": body})
    else:
        click.echo(f"Created {name}: {encoder.dim} dimensions by {encoder.name}.")


@command.command()
@click.argument("name", callback=_one_name)
@cluster_options
@json_option
def show(name: str, target: Target, as_json: bool) -> None:
    """Show who encoded an index, how it is laid out and what it holds."""
    with target.connect() as cluster:
        facts = _describe(cluster, name)
    if as_json:
        print_json(facts)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("", "", show_header=False, title=name)
    for label, value in facts.items():
        table.add_row(label, str(value))
    Console().print(table)


@contextmanager
def _explained(cluster: Cluster) -> Iterator[None]:
    """Errors of the client as one sentence; of a missing index, what these commands can offer."""
    from opensearchpy.exceptions import OpenSearchException

    from cluster import ClusterError, MissingIndexError

    try:
        yield
    except (OpenSearchException, ClusterError) as error:
        told = cluster.explain(error)
        if isinstance(told, MissingIndexError):
            raise MissingIndexError(told.what, "correct the name") from None
        raise told from error


def _describe(cluster: Cluster, name: str) -> dict[str, Any]:
    from mappings import read_record

    with _explained(cluster):
        (index, found), *others = cluster.client.indices.get(index=name).items()
        stats = cluster.client.indices.stats(index=index, metric="docs,store")
        count = _vectors(cluster, index, found["mappings"])
    record = read_record(found["mappings"], index)
    settings, total = found["settings"]["index"], stats["_all"]["primaries"]
    return {
        "index": index if not others else sorted([index, *(o for o, _ in others)]),
        "model": record.encoder.model if record else None,
        "fingerprint": record.encoder.fingerprint if record else None,
        "dimension": record.encoder.dimension if record else None,
        "documents": total["docs"]["count"],
        "with_vector": count,
        "bytes": total["store"]["size_in_bytes"],
        "shards": int(settings["number_of_shards"]),
        "replicas": int(settings["number_of_replicas"]),
        "aliases": sorted(found.get("aliases", {})),
        "fields": {k: v.get("type", "object") for k, v in found["mappings"]["properties"].items()},
    }


def _vectors(cluster: Cluster, index: str, mapping: dict[str, Any]) -> int | None:
    from mappings import read_record

    record = read_record(mapping, index)
    if record is None:
        return None
    query = {"query": {"exists": {"field": record.fields.vector}}}
    return int(cluster.client.count(index=index, body=query)["count"])


@command.command()
@click.argument("alias")
@click.argument("name", callback=_one_name)
@click.option(
    "--keep",
    type=click.IntRange(min=0),
    default=None,
    help="Delete the alias's older indexes beyond this many (default: keep all).",
)
@cluster_options
@json_option
def switch(alias: str, name: str, keep: int | None, target: Target, as_json: bool) -> None:
    """Point ALIAS at index NAME atomically: searches see the old or the new, never neither."""
    from ingest.alias import switch as switch_alias

    with target.connect() as cluster, _explained(cluster):
        deleted = switch_alias(cluster, alias, name, keep=keep)
    if as_json:
        print_json({"alias": alias, "index": name, "deleted": deleted})
    else:
        click.echo(f"{alias} -> {name}" + (f"; deleted {', '.join(deleted)}" if deleted else ""))


@command.command()
@click.argument("name", callback=_one_name)
@click.option("--yes", is_flag=True, help="Do not ask.")
@cluster_options
@json_option
def delete(name: str, yes: bool, target: Target, as_json: bool) -> None:
    """Delete an index and every document in it."""
    with target.connect() as cluster:
        facts = _describe(cluster, name)
        if not yes:
            click.confirm(
                f"Delete {name} with {facts['documents']} documents?", abort=True, err=True
            )
        with _explained(cluster):
            cluster.client.indices.delete(index=name)
    if as_json:
        print_json({"index": name, "deleted": True, "documents": facts["documents"]})
    else:
        click.echo(f"Deleted {name} with {facts['documents']} documents.")


@command.command()
@click.argument("name", callback=_one_name)
@fusion_options
@cluster_options
@json_option
def pipeline(name: str, fusion: Fusion, target: Target, as_json: bool) -> None:
    """Write the search pipeline NAME, which fuses hybrid searches on OpenSearch.

    It is the same definition that a search sends inline; one of that name is replaced. Use it with
    `tandem search --pipeline NAME`.
    """
    from query.pipeline import put_pipeline

    with target.connect() as cluster:
        body = put_pipeline(cluster, name, fusion)
    if as_json:
        print_json({"pipeline": name, "body": body})
        return
    import json

    from rich.console import Console

    click.echo(f"Wrote search pipeline {name}:", err=True)
    Console().print_json(json.dumps(body))
