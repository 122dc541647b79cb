"""`tandem mine`: passages that searches rank high and that do not answer, for training."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from query.question import BM25, KNN, MODES, MOST, Tuning
from tandem.config import Number
from tandem.options.cluster import (
    ClusterTarget,
    cluster_options,
    index_name,
    json_option,
    print_json,
)
from tandem.options.judged import judged_options
from tandem.options.search import role_options, tuning_options
from tandem.output.flags import in_flags

if TYPE_CHECKING:
    from encoder import CrossEncoder
    from evaluation import Judgements, Mined, Mining
    from query import Query, Roles

SOME_FAILED = 3
MOST_TOLD = 10


@click.command()
@click.option(
    "--index",
    required=True,
    callback=index_name(pattern=True),
    help="The index or alias to search, encoded by the model that is to be trained.",
)
@judged_options(split="train")
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder for what is mined; the same command again goes on where it was broken off.",
)
@click.option(
    "--judge",
    help="A cross-encoder by its name, its folder, or an .onnx file beside its tokenizer.json.",
)
@click.option("--no-judge", is_flag=True, help="Keep what is found without judging it.")
@click.option(
    "--judge-template",
    "template",
    metavar="TEXT",
    help="For a judge that reads one text: 'Query: {query} Passage: {passage}'.",
)
@click.option(
    "--system",
    "systems",
    type=click.Choice(MODES),
    multiple=True,
    default=(KNN, BM25),
    show_default=True,
    help="A search whose hits are looked at; repeat for more, each by itself.",
)
@click.option(
    "-k",
    type=click.IntRange(1, MOST),
    default=100,
    show_default=True,
    help="Hits of each search that are looked at.",
)
@click.option(
    "--keep",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    help="Negatives of each query and search; no more is judged than that takes.",
)
@click.option(
    "--max-score",
    type=Number(0, 1),
    default=0.1,
    show_default=True,
    help="A negative's probability of relevance is below it; 1 for no such limit.",
)
@click.option(
    "--margin",
    type=Number(),
    default=3.0,
    show_default=True,
    help="A negative is so far below the query's lowest positive, in the judge's log-odds.",
)
@click.option(
    "--relevant", type=click.IntRange(1), default=1, show_default=True, help="A positive's grade."
)
@click.option(
    "--batch",
    type=click.IntRange(1),
    default=32,
    show_default=True,
    help="Queries that are searched and judged together.",
)
@click.option("--model", help="Name or folder of the index's model, where its own name fails.")
@role_options
@tuning_options
@cluster_options
@json_option
def command(
    source: str,
    qrels: Path | None,
    split: str,
    as_json: bool,
    judge: str | None,
    no_judge: bool,
    template: str | None,
    folder: Path,
    **options: Any,
) -> int:
    """Mine hard negatives for the queries of a training set.

    The top hits of each query by kNN and by BM25, without its judged positives and near-copies of
    them (the same words, or 80 % of all runs of three words in common), judged by a cross-encoder:
    a negative is high for the search and low for the judge. Writes mined.jsonl, with texts and
    scores, and hard-negatives.jsonl, triples.tsv and scores.tsv for other programs.
    """
    from evaluation import read_judgements, read_queries

    scorer = _judge(judge, no_judge, template)
    if qrels is None and not Path(source).is_dir():
        raise click.UsageError("Say by which judgements: --qrels FILE.")
    judgements = read_judgements(qrels or Path(source), split)
    found = _mined(read_queries(source), judgements, folder, scorer, **options)
    if as_json:
        failures = [{"query": query, "reason": in_flags(why)} for query, why in found.failures]
        print_json({**asdict(found), "failures": failures, "folder": str(folder)})
    else:
        _show(found, folder)
    return SOME_FAILED if found.failures else 0


def _mined(
    queries: list[Query],
    judgements: Judgements,
    folder: Path,
    judge: CrossEncoder | None,
    *,
    index: str,
    model: str | None,
    target: ClusterTarget,
    roles: Roles,
    tuning: Tuning,
    batch: int,
    **options: Any,
) -> Mined:
    from evaluation import mine
    from query import Searcher
    from tandem.output.progress import bar, tell

    mining = _mining(**options)
    with ExitStack() as stack:
        cluster = stack.enter_context(target.connect())
        searcher = stack.enter_context(
            Searcher(cluster, index, model=model, roles=roles, on_progress=tell)
        )
        judged = sum(query.id in judgements for query in queries)
        return mine(
            searcher,
            queries,
            judgements,
            folder,
            index=index,
            judge=judge,
            mining=mining,
            tuning=tuning,
            batch=batch,
            on_mined=stack.enter_context(bar("Mining", judged)),
        )


def _mining(k: int, **options: Any) -> Mining:
    from evaluation import EvaluationError, Mining

    try:
        return Mining(depth=k, **options)
    except EvaluationError as error:
        raise click.UsageError(in_flags(str(error))) from error


def _judge(name: str | None, no_judge: bool, template: str | None) -> CrossEncoder | None:
    if (name is None) != no_judge:
        raise click.UsageError(
            "Say who judges what is found: --judge MODEL, or --no-judge to keep it unjudged."
        )
    if name is None:
        return None
    from encoder import CrossEncoder

    return CrossEncoder.load(name, template=template)


def _show(found: Mined, folder: Path) -> None:
    from tandem.output.hits import one_line

    by = ", ".join(f"{count:,} by {system}" for system, count in found.by_system.items())
    click.echo(
        f"{found.queries:,} queries: {found.negatives:,} negatives ({by or 'none'}), "
        f"{found.without:,} queries without any, {len(found.failures):,} not mined, in {folder}."
    )
    for reason, count in sorted(found.dropped.items(), key=lambda each: -each[1]):
        click.echo(f"  {count:,} candidates dropped: {reason}.")
    for query, reason in found.failures[:MOST_TOLD]:
        click.echo(one_line(f"Query {query} was not mined: {in_flags(reason)}"), err=True)
    if len(found.failures) > MOST_TOLD:
        click.echo(f"... and {len(found.failures) - MOST_TOLD:,} more, in mined.jsonl.", err=True)
