"""`tandem enrich`: vectors for documents that are in a cluster already."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tandem.commands.documents.ending import end_in_order
from tandem.options.cluster import (
    ClusterTarget,
    cluster_options,
    index_name,
    json_option,
    print_json,
)
from tandem.options.encoder import encoder_options, recorded_encoder
from tandem.output.flags import in_flags

if TYPE_CHECKING:
    from ingest import Enrichment
    from tandem.options.encoder import EncoderChoice

SOME_REJECTED = 3


def _query(ctx: click.Context, param: click.Parameter, value: str | None) -> dict[str, Any] | None:
    try:
        found = None if value is None else json.loads(value)
    except ValueError as error:
        raise click.BadParameter(f"it is no JSON: {error}.", ctx, param) from None
    if found is not None and not isinstance(found, dict):
        raise click.BadParameter("it must be a JSON object, a query of the cluster.", ctx, param)
    return found


@click.command()
@click.argument("index", callback=index_name())
@click.option("--text-field", help="The text to encode (default: found, and told).")
@click.option("--title-field", help="Encode this field before the text (default: the text alone).")
@click.option("--vector-field", help="Where vectors go (default: the text's name and _vector).")
@click.option(
    "--query",
    callback=_query,
    help='Which documents, in the cluster\'s query language, such as \'{"term": {"lang": "en"}}\'.',
)
@click.option(
    "--passages",
    type=click.Choice(("first", "nested")),
    help="Of a text that is longer than the model reads, only the first passage gets a vector "
    "(first, the default), or each one does, in nested objects.",
)
@click.option(
    "--copy-to",
    metavar="NAME",
    callback=index_name(new=True),
    help="Make a new index of this name, as INDEX is but with vectors, and move all aliases there "
    "once it has every document; for an index that cannot have vectors itself. INDEX stays.",
)
@click.option(
    "--follow", is_flag=True, help="Go on with what is new or changed until you press Ctrl-C."
)
@click.option("--rejects", type=click.Path(path_type=Path), help="File for refused documents.")
@click.option("--dry-run", is_flag=True, help="Count what lacks a vector, and change nothing.")
@encoder_options(required=False)
@cluster_options
@json_option
def command(
    index: str,
    dry_run: bool,
    encoder_choice: EncoderChoice,
    target: ClusterTarget,
    as_json: bool,
    **options: Any,
) -> int:
    """Give documents that are in a cluster already the vectors of their texts.

    INDEX is changed in place: it gets a field of vectors, and each document that lacks the vector
    of its present text gets it, unless somebody changes it at that moment; such a one is read
    again. The same command again takes up what is new or changed.
    """
    from ingest import enrich
    from tandem.output.progress import tell

    if dry_run and options["follow"]:
        raise click.UsageError("--dry-run looks once: leave out --follow.")
    end_in_order()
    told = 0.0

    def progress(report: Enrichment) -> None:
        nonlocal told
        if report.seconds - told > 5.0:
            told = report.seconds
            tell(f"{report.read:,} read, {report.written:,} written, {report.current:,} current")

    with target.connect() as cluster:
        record = None if encoder_choice.model else recorded_encoder(cluster, index)
        encoder = encoder_choice.load(record)
        found = enrich(cluster, index, encoder, dry_run=dry_run, on_progress=progress, **options)
    _show(replace(found, notes=tuple(map(in_flags, found.notes))), dry_run, as_json)
    return SOME_REJECTED if found.rejected else 0


def _show(found: Enrichment, dry_run: bool, as_json: bool) -> None:
    for note in found.notes:
        click.echo(f"Warning: {note}", err=True)
    if as_json:
        print_json(found.to_json())
    elif dry_run:
        click.echo(
            f"{found.read:,} documents read: {found.lacking:,} lack the vector of their "
            f"{found.text_field} in {found.vector_field}, {found.current:,} have it, "
            f"{found.blank:,} have no text."
        )
        click.echo("Nothing was changed.", err=True)
    else:
        _show_counts(found)


def _show_counts(found: Enrichment) -> None:
    click.echo(
        f"{found.read:,} documents read: {found.written:,} written, {found.current:,} unchanged, "
        f"{found.blank:,} without text, {found.rejected:,} rejected, in {found.seconds:,.1f} "
        f"seconds, index {found.index}."
    )
    if found.aliases:
        click.echo(
            f"  {', '.join(found.aliases)} now {'point' if len(found.aliases) > 1 else 'points'} "
            f"to {found.index}; the old index took no writes for {found.held:,.1f} seconds and "
            "stays: who writes to it by its own name must write to the new one."
        )
    said = [
        (found.truncated, f"{found.truncated:,} texts cut off, being longer than the model reads"),
        (found.deleted, f"{found.deleted:,} taken out again, being deleted by others meanwhile"),
        (found.gone, f"{found.gone:,} deleted by others meanwhile"),
        (found.changed, f"{found.changed:,} changed by others meanwhile: the next run takes them"),
        (found.retries, f"{found.retries:,} requests sent again"),
        (found.rejects, f"refused documents, and why, are in {found.rejects}"),
    ]
    for holds, text in said:
        if holds:
            click.echo(f"  {text}.")
