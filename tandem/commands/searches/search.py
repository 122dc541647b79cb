"""`tandem search`: search an index by kNN, by BM25, or by both."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from query.files import result_json
from query.question import MOST, Tuning
from tandem.commands.searches.search_many import is_same, is_screen, is_trec
from tandem.config import typed
from tandem.options.cluster import (
    ClusterTarget,
    cluster_options,
    index_name,
    json_option,
    print_json,
)
from tandem.options.search import asking_options, role_options, tuning_options
from tandem.output.flags import in_flags

if TYPE_CHECKING:
    from query import Rerank, Result, Roles
    from tandem.commands.searches.search_many import ManyQueries

# Finished, but something is missing: a shard's passages, or a query's answer.
SOME_MISSING = 3


@click.command()
@click.argument("text", required=False)
@click.option(
    "--index",
    required=True,
    callback=index_name(pattern=True),
    help="The index or alias to search.",
)
@asking_options
@click.option("--rerank", metavar="MODEL", help="Order the first hits by this cross-encoder.")
@click.option(
    "--rerank-depth",
    type=click.IntRange(1, MOST),
    default=50,
    show_default=True,
    help="How many first hits the cross-encoder reads.",
)
@click.option("--model", help="Name or folder of the index's model, where its own name fails.")
@click.option(
    "--queries",
    metavar="FILE",
    help="Many queries: one a line, id TAB text, a BEIR folder, or what `ingest` reads; - for "
    "standard input.",
)
@click.option(
    "--run",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --queries: write a TREC run, or JSONL to *.jsonl; - is standard output (default).",
)
@click.option(
    "--batch",
    type=click.IntRange(1),
    help="With --queries: queries that are encoded together and sent in one request (default: 128, "
    "fewer where each gives many hits).",
)
@role_options
@tuning_options
@cluster_options
@json_option
@click.pass_context
def command(
    context: click.Context,
    /,
    text: str | None,
    index: str,
    rerank: str | None,
    rerank_depth: int,
    model: str | None,
    queries: str | None,
    run: Path | None,
    batch: int | None,
    target: ClusterTarget,
    as_json: bool,
    asked: dict[str, Any],
    tuning: Tuning,
    roles: Roles,
) -> int:
    """Search an index by kNN, by BM25, or by both.

    TEXT: what to look for. The index knows which model encoded it, so that none need be named.
    """
    from query import Searcher
    from tandem.output.hits import show_result
    from tandem.output.progress import tell

    many = _many(context, text, queries, run, as_json)
    with (
        target.connect() as cluster,
        Searcher(cluster, index, model=model, roles=roles, on_progress=tell) as searcher,
    ):
        asked |= {"tuning": tuning, "rerank": _reranker(rerank, rerank_depth, asked)}
        if many is not None:
            return many.search(searcher, {**asked, "batch": batch})
        result = _in_flags(searcher.search(str(text), **asked))
    if as_json:
        print_json(result_json(result))
    else:
        show_result(result, str(text), index, _conditions(asked))
    return SOME_MISSING if result.partial else 0


def _in_flags(result: Result) -> Result:
    """A result whose notes speak of flags."""
    partial, notes = result.partial, tuple(map(in_flags, result.notes))
    return replace(result, partial=partial and in_flags(partial), notes=notes)


def _conditions(asked: dict[str, Any]) -> list[str]:
    """What passages had to meet, as it was given."""
    dsl = asked["filter"]
    return [*asked["where"], *([json.dumps(dsl, ensure_ascii=False)] if dsl else [])]


def _reranker(model: str | None, depth: int, asked: dict[str, Any]) -> Rerank | None:
    if model is None:
        return None
    from encoder import CrossEncoder
    from query import Rerank
    from query.answer.rerank import check_depth

    check_depth(depth, asked["start"] + asked["k"])  # before a model is loaded, which takes seconds
    return Rerank(CrossEncoder.load(model), depth=depth)


def _many(
    context: click.Context, text: str | None, queries: str | None, run: Path | None, as_json: bool
) -> ManyQueries | None:
    """The queries of --queries, None for a TEXT, which wins over what was not typed."""
    from tandem.commands.searches.search_many import ManyQueries

    if text is not None and not typed(context, "queries"):
        queries = None
    if queries is None and not typed(context, "run"):
        run = None
    if queries is None and typed(context, "batch"):
        raise click.UsageError("--batch is for --queries.")
    _check_usage(text, queries)
    idle = [name for name in ("explain", "facets", "total", "source") if typed(context, name)]
    _check_run(queries, run, as_json, idle)
    return None if queries is None else ManyQueries(queries, run, as_json)


def _check_usage(text: str | None, queries: str | None) -> None:
    if text is not None and queries is not None:
        raise click.UsageError("TEXT and --queries both say what to look for: give only one.")
    if text is None and queries is None:
        raise click.UsageError("Say what to look for: either TEXT or --queries FILE.")
    if text is not None and not text.strip():
        raise click.UsageError("The query is empty: say what to look for.")


def _check_run(queries: str | None, run: Path | None, as_json: bool, told: list[str]) -> None:
    """told: options that were typed and that one way of showing hits has no place for."""
    if queries is None:
        if run is not None:
            raise click.UsageError("--run is for --queries.")
        if "source" in told and not as_json:
            raise click.UsageError("--fields is for what --json shows: add --json.")
        return
    if told and is_trec(run):
        flag = {"facets": "facet", "source": "fields"}.get(told[0], told[0])
        raise click.UsageError(
            f"A TREC run has no place for --{flag}: leave it out, or add --run FILE.jsonl."
        )
    if is_same(run, queries):
        raise click.UsageError(f"--run would write over the queries {queries}: name another file.")
    if as_json and is_screen(run):
        raise click.UsageError("--json and the run would both go to standard output: add --run.")
