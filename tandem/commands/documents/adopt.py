"""`tandem index adopt`: find out whose vectors an index of others holds, and record it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from tandem.options.cluster import (
    ClusterTarget,
    cluster_options,
    index_name,
    json_option,
    print_json,
)
from tandem.options.encoder import encoder_options
from tandem.output.flags import in_flags

if TYPE_CHECKING:
    from cluster import Cluster
    from ingest import Adoption
    from mappings.existing import Roles
    from tandem.options.encoder import EncoderChoice


@click.command()
@click.argument("name", callback=index_name())
@click.option("--text-field", help="The text that was encoded (default: found, and told).")
@click.option("--title-field", help="The titles (default: found, and told).")
@click.option("--vector-field", help="The vectors, where there are several fields of them.")
@click.option(
    "--template",
    help="What was encoded, such as '{title} - {text}' (default: the usual ones are tried).",
)
@click.option("--dry-run", is_flag=True, help="Compare only, and change nothing.")
@encoder_options(required=True)
@cluster_options
@json_option
def command(
    name: str,
    text_field: str | None,
    title_field: str | None,
    vector_field: str | None,
    template: str | None,
    dry_run: bool,
    encoder_choice: EncoderChoice,
    target: ClusterTarget,
    as_json: bool,
) -> None:
    """Take over index NAME, whose vectors others wrote with the same model.

    A sample of its documents is encoded again and compared with what is stored. On a fit the index
    gets Tandem's record, so that it is searched and written like one of Tandem's; the documents
    that are there stay their owner's, and no command changes or removes them.
    """
    from mappings.existing import Roles

    roles = Roles(text_field, title_field)
    with target.connect() as cluster:
        found = _adopted(cluster, name, encoder_choice, roles, vector_field, template, dry_run)
    for note in found.notes:
        click.echo(f"Warning: {in_flags(note)}", err=True)
    if as_json:
        print_json(found.to_json())
        return
    fit, fields = found.fit, found.fields
    encoded = fit.template.replace("\n", "\\n")
    titled = f", the title in {fields.title}" if "{title}" in fit.template else ""
    click.echo(
        f"The model fits: {fit.fitting} of {fit.sampled} sampled documents, cosine "
        f"{fit.cosine:.3f}, encoded as '{encoded}' with the text in {fields.text}{titled} and the "
        f"vector in {fields.vector}."
    )
    if dry_run:
        click.echo("Nothing was changed.", err=True)
    else:
        click.echo(f"Adopted {found.index} with {found.documents:,} documents.")


def _adopted(
    cluster: Cluster,
    name: str,
    choice: EncoderChoice,
    roles: Roles,
    vector_field: str | None,
    template: str | None,
    dry_run: bool,
) -> Adoption:
    """Adopt with the model's own prompts, else with those that were seen to fit."""
    from ingest import OtherPromptError, adopt_index

    def adopted(choice: EncoderChoice) -> Adoption:
        return adopt_index(
            cluster,
            name,
            choice.load(),
            roles=roles,
            vector_field=vector_field,
            template=template,
            dry_run=dry_run,
        )

    try:
        return adopted(choice)
    except OtherPromptError as error:
        if choice.passage_prompt is not None:
            raise
        passage, query = error.passage_prompt, error.query_prompt
    click.echo(
        f"Loading the model with passage prompt {passage!r}, query prompt {query!r}.", err=True
    )
    return adopted(replace(choice, passage_prompt=passage, query_prompt=query))
