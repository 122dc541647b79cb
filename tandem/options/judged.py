"""The options that name judged queries."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from tandem.options.cluster import Command


def judged_options(*, split: str) -> Callable[[Command], Command]:
    """Add --queries, as `source`, --qrels and --split; split: the default of that."""
    options = [
        click.option(
            "--queries",
            "source",
            metavar="FILE",
            required=True,
            help="The queries' ids and texts: id TAB text, a BEIR folder, or what `ingest` reads.",
        ),
        click.option(
            "--qrels",
            type=click.Path(path_type=Path),
            help="The judgements: BEIR's, TREC's or MS MARCO's (default: those of the BEIR "
            "folder).",
        ),
        click.option(
            "--split", default=split, show_default=True, help="Of a BEIR folder's judgements."
        ),
    ]

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate
