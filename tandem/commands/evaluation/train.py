"""`tandem train`: a bi-encoder or a cross-encoder, from what was mined."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tandem.config import Number
from tandem.options.cluster import json_option, print_json
from tandem.output.flags import in_flags

if TYPE_CHECKING:
    from evaluation import Trained, Training

FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.option("--mined", type=FOLDER, required=True, help="A folder that `tandem mine` filled.")
@click.option("--model", required=True, help="The model to start from, by its name or folder.")
@click.option(
    "--out",
    "folder",
    type=FOLDER,
    required=True,
    help="Folder for the model; the same command again goes on where it was broken off.",
)
@click.option(
    "--cross-encoder",
    "as_cross_encoder",
    is_flag=True,
    help="Train a judge of queries and passages together, not a model of vectors.",
)
@click.option(
    "--loss",
    type=click.Choice(("mnrl", "margin-mse")),
    default="mnrl",
    show_default=True,
    help="Multiple negatives ranking, or the judge's scores, which margin-mse imitates.",
)
@click.option(
    "--in-batch-only", is_flag=True, help="Leave out the mined negatives, to see their worth."
)
@click.option("--epochs", type=click.IntRange(1), default=10, show_default=True)
@click.option(
    "--batch", type=click.IntRange(1), default=64, show_default=True, help="Queries in a step."
)
@click.option(
    "--learning-rate",
    type=Number(),
    default=2e-5,
    show_default=True,
    help="For transformers; a static model takes about a hundred times as much.",
)
@click.option(
    "--warmup",
    type=Number(0, 1),
    default=0.1,
    show_default=True,
    help="Share of the steps in which the rate rises from 0; then it falls to 0 again.",
)
@click.option(
    "--max-length",
    type=click.IntRange(1),
    default=300,
    show_default=True,
    help="Tokens of a text that are read while it trains.",
)
@click.option(
    "--holdout",
    type=Number(0, 1),
    default=0.1,
    show_default=True,
    help="Share of the queries that are kept for measuring.",
)
@click.option("--seed", type=click.IntRange(0), default=42, show_default=True)
@click.option("--device", help="cpu, cuda or mps (default: the best there is).")
@json_option
def command(
    mined: Path,
    model: str,
    folder: Path,
    as_cross_encoder: bool,
    device: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Train a model on mined negatives, by sentence-transformers' trainer.

    Each pass over the queries takes the next positive and the next negative of every query; the
    other queries' passages of a batch are negatives too. Measures held-out queries before and
    after every pass, and writes a folder for `tandem ingest --model`, with a card that says what
    it was made of. Mixed precision on a GPU.
    """
    from evaluation import train
    from tandem.output.progress import tell

    found = train(
        mined,
        model,
        folder,
        training=_training(**options),
        as_cross_encoder=as_cross_encoder,
        device=device,
        on_told=tell,
    )
    if as_json:
        print_json({**asdict(found), "folder": str(found.folder)})
    else:
        _show(found)


def _training(in_batch_only: bool, **options: Any) -> Training:
    from evaluation import EvaluationError, Training

    try:
        return Training(negatives=not in_batch_only, **options)
    except EvaluationError as error:
        raise click.UsageError(in_flags(str(error))) from error


def _show(found: Trained) -> None:
    _, last = found.figures[-1]
    click.echo(
        f"Trained on {found.queries:,} queries in {found.steps:,} steps, {found.seconds:,.0f} "
        f"seconds. nDCG@10 of {found.held_out:,} held-out queries: {found.start:.4f} before, "
        f"{last:.4f} after. The model is in {found.folder}."
    )
