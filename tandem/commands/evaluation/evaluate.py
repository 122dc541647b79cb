"""`tandem evaluate`: how well an index's searches rank, by queries that people judged."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from query.question import MODES, MOST, Tuning
from tandem.options.cluster import (
    ClusterTarget,
    cluster_options,
    index_name,
    json_option,
    print_json,
)
from tandem.options.judged import judged_options
from tandem.options.search import role_options, tuning_options

if TYPE_CHECKING:
    from evaluation import Evaluation, Judgements, Run
    from query import Query, Roles
    from query.question import Mode

SOME_FAILED = 3
FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option(
    "--index",
    callback=index_name(pattern=True),
    help="The index or alias to search.",
)
@judged_options(split="test")
@click.option(
    "--mode",
    "modes",
    type=click.Choice(MODES),
    multiple=True,
    default=MODES,
    show_default=True,
    help="How to search; repeat for more, side by side.",
)
@click.option(
    "-k",
    type=click.IntRange(1, MOST),
    default=1000,
    show_default=True,
    help="Hits of each query; hybrid's depth is an option of its own.",
)
@click.option(
    "--relevant",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Least grade that counts as relevant for RR and R; TREC Deep Learning uses 2.",
)
@click.option(
    "--passages", is_flag=True, help="Judge passages by their own ids, not their documents."
)
@click.option(
    "--leave-out-own",
    is_flag=True,
    help="Leave out the document with the query's own id (ArguAna).",
)
@click.option(
    "--batch",
    type=click.IntRange(1),
    help="Queries in a request (default: 128, fewer where each gives many hits).",
)
@click.option("--run", type=FILE, help="Measure this run, made elsewhere, instead of searching.")
@click.option("--baseline", type=FILE, help="Compare with this run.")
@click.option(
    "--runs",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write each mode's run into, in TREC's format.",
)
@click.option("--plot", type=FILE, help="Draw the figures into this file: .png, .svg or .pdf.")
@click.option("--model", help="Name or folder of the index's model, where its own name fails.")
@role_options
@tuning_options
@cluster_options
@json_option
def command(
    index: str | None,
    run: Path | None,
    baseline: Path | None,
    runs: Path | None,
    plot: Path | None,
    model: str | None,
    target: ClusterTarget,
    as_json: bool,
    tuning: Tuning,
    roles: Roles,
    **options: Any,
) -> int:
    """Measure how well searches rank, by queries whose documents people judged.

    Prints nDCG@10, RR@10, R@100, R@1000 and the share of the first ten hits that anyone judged, for
    BM25, kNN and hybrid side by side, with a paired test of their differences.
    """
    from evaluation.measure.measures import import_measures
    from evaluation.measure.plot import draw
    from evaluation.measure.report import evaluation_json
    from tandem.output.figures import show_evaluation

    if (index is None) == (run is None):
        raise click.UsageError("Give either --index, to search, or --run, to measure a run.")
    import_measures()
    task = Task.read(tuning=tuning, baseline=baseline, **options)
    title = str(index or run)
    found = task.of_run(run) if run else task.of_index(str(index), model, roles, target)
    if runs:
        _write(found, runs)
    if plot:
        draw(found, title, plot)
    if as_json:
        print_json(evaluation_json(found))
    else:
        show_evaluation(found, title)
    return SOME_FAILED if found.failures else 0


@dataclass(frozen=True)
class Task:
    """What is measured, by which judgements, and how."""

    queries: list[Query]
    judgements: Judgements
    baseline: tuple[str, Run] | None
    modes: tuple[Mode, ...]
    relevant: int
    asked: dict[str, Any]

    @classmethod
    def read(
        cls,
        *,
        source: str,
        qrels: Path | None,
        split: str,
        baseline: Path | None,
        modes: tuple[Mode, ...],
        relevant: int,
        **asked: Any,
    ) -> Task:
        """Read the files; raises EvaluationError and QueryError."""
        from evaluation import read_judgements, read_queries, read_run

        if qrels is None and not Path(source).is_dir():
            raise click.UsageError("Say by which judgements: --qrels FILE.")
        judgements = read_judgements(qrels or Path(source), split)
        against = (baseline.name, read_run(baseline)) if baseline else None
        queries = read_queries(source)
        return cls(queries, judgements, against, modes, relevant, asked)

    def of_run(self, run: Path) -> Evaluation:
        """The figures of a run made elsewhere."""
        from evaluation import read_run
        from evaluation.measure.evaluate import figures_of, judge

        figures = figures_of(run.name, read_run(run), self.judgements, self.relevant)
        texts = {query.id: query.text for query in self.queries}
        return judge([figures], self.judgements, self.relevant, self.baseline, texts)

    def of_index(
        self, index: str, model: str | None, roles: Roles, target: ClusterTarget
    ) -> Evaluation:
        """The figures of an index's searches, which are made now."""
        from evaluation import evaluate
        from query import Searcher
        from tandem.output.progress import bar, tell

        judged = sum(query.id in self.judgements for query in self.queries)
        with ExitStack() as stack:
            cluster = stack.enter_context(target.connect())
            searcher = stack.enter_context(
                Searcher(cluster, index, model=model, roles=roles, on_progress=tell)
            )
            hybrid = searcher.settings()
            asked = dict(self.asked)
            if hybrid.depth and not asked["tuning"].depth:
                asked["tuning"] = replace(asked["tuning"], depth=hybrid.depth)
            advance = stack.enter_context(bar("Searching", judged * len(self.modes)))
            return evaluate(
                searcher,
                self.queries,
                self.judgements,
                modes=self.modes,
                relevant=self.relevant,
                baseline=self.baseline,
                on_answered=advance,
                **asked,
            )


def _write(found: Evaluation, runs: Path) -> None:
    from evaluation import EvaluationError, write_run

    try:
        runs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EvaluationError(f"cannot make the folder {runs}: {error.strerror}.") from error
    for each in found.figures:
        if each.name in MODES:
            write_run(each.run, runs / f"{each.name}.trec", f"tandem-{each.name}")
