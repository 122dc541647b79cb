"""`tandem tune`: how an index's hybrid searches rank best, by judged queries."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mappings.pipelines.pipeline import TECHNIQUES
from query.question import DEPTH, MOST
from tandem.config import Number
from tandem.options.cluster import (
    ClusterTarget,
    cluster_options,
    index_name,
    json_option,
    print_json,
)
from tandem.options.judged import judged_options
from tandem.options.search import role_options

if TYPE_CHECKING:
    from cluster import Cluster
    from evaluation import Grid, Tuned
    from query import Roles, Searcher


@click.command()
@click.option(
    "--index",
    required=True,
    callback=index_name(pattern=True),
    help="The index or alias to search.",
)
@judged_options(split="train")
@click.option(
    "--fusion",
    "techniques",
    type=click.Choice(TECHNIQUES),
    multiple=True,
    default=TECHNIQUES,
    show_default=True,
    help="A technique to try; repeat for more.",
)
@click.option(
    "--step", type=Number(0.01, 0.5), default=0.1, show_default=True, help="Between two weights."
)
@click.option(
    "--depth",
    "depths",
    type=click.IntRange(1, MOST),
    multiple=True,
    default=(50, DEPTH, 200),
    show_default=True,
    help="A depth to try; repeat for more.",
)
@click.option(
    "--fields",
    multiple=True,
    metavar="NAME,NAME^2",
    help="BM25's fields to try; repeat for more (default: the index's own, with some boosts).",
)
@click.option("--folds", type=click.IntRange(2), default=5, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the folds.")
@click.option(
    "--batch",
    type=click.IntRange(1),
    help="Queries in a request (default: 128, fewer where each gives many hits).",
)
@click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Draw the curve into this file: .png, .svg or .pdf.",
)
@click.option(
    "--write",
    is_flag=True,
    help="Have the index remember the setting, where the gain is more than chance.",
)
@click.option("--model", help="Name or folder of the index's model, where its own name fails.")
@role_options
@cluster_options
@json_option
def command(
    index: str,
    source: str,
    qrels: Path | None,
    split: str,
    model: str | None,
    plot: Path | None,
    write: bool,
    target: ClusterTarget,
    as_json: bool,
    roles: Roles,
    **options: Any,
) -> None:
    """Choose fusion, weights, depth and BM25's fields of hybrid searches by judged queries.

    What is reported is measured on queries that had no voice in the choice: they are cut into
    folds, and each is searched by the setting that the others chose. `tandem index show` shows what
    an index remembers, and `tandem index untune` removes it.
    """
    from evaluation.measure.measures import import_measures
    from evaluation.tune.plot import draw_curve
    from query import Searcher
    from tandem.output.progress import tell

    import_measures()
    if qrels is None and not Path(source).is_dir():
        raise click.UsageError("Say by which judgements: --qrels FILE.")
    with ExitStack() as stack:
        cluster = stack.enter_context(_connected(target, index if write else None))
        searcher = stack.enter_context(
            Searcher(cluster, index, model=model, roles=roles, on_progress=tell)
        )
        found = _tuned(searcher, index, source, (qrels or Path(source), split), **options)
        written = _written(cluster, index, found) if write and found.gains else []
    if plot:
        draw_curve(found, index, plot)
    if as_json:
        print_json(_json(found, written))
    else:
        _show(found, index, written)


def _connected(target: ClusterTarget, written: str | None) -> Cluster:
    """The cluster; written: an index that must take the settings in the end."""
    from cluster.diagnosis.rights import require

    cluster = target.connect()
    if written:
        require(cluster, "tune", written)
    return cluster


def _tuned(
    searcher: Searcher,
    index: str,
    source: str,
    judged_by: tuple[Path, str],
    *,
    folds: int,
    seed: int,
    batch: int | None,
    **options: Any,
) -> Tuned:
    from evaluation import EvaluationError, read_judgements, read_queries, tune
    from query import SearchSettings
    from tandem.output.progress import counter

    if searcher.settings() != SearchSettings():
        raise EvaluationError(
            f"index {index!r} has been tuned already, so that the usual cannot be measured: remove "
            f"that first with `remove_search_settings(cluster, {index!r})`."
        )
    with counter("Settings searched for") as advance:
        return tune(
            searcher,
            read_queries(source),
            read_judgements(*judged_by),
            grid=_grid(searcher, **options),
            folds=folds,
            seed=seed,
            batch=batch,
            on_measured=advance,
        )


def _grid(
    searcher: Searcher, fields: tuple[str, ...], techniques: Any, depths: Any, step: float
) -> Grid:
    from evaluation import Grid

    given = [tuple(filter(None, each.split(","))) for each in fields]
    tried = [(), *given] if given else Grid.boosts(searcher.text_fields())
    return Grid(techniques=techniques, step=step, depths=depths, fields=tried)


def _written(cluster: Cluster, index: str, found: Tuned) -> list[str]:
    from query import put_search_settings

    return put_search_settings(cluster, index, found.setting.to_settings())


def _json(found: Tuned, written: list[str]) -> dict[str, Any]:
    from evaluation.measure.report import comparison_json

    return {
        "setting": found.setting.to_settings().to_meta(),
        "held_out": dict(found.means),
        "comparison": comparison_json(found.comparison),
        "gains": found.gains,
        "folds": [each.to_settings().to_meta() for each in found.choices],
        "points": [
            {"setting": each.setting.name, "mean": each.mean, "interval": [each.low, each.high]}
            for each in found.points
        ],
        "written": written,
    }


def _show(found: Tuned, index: str, written: list[str]) -> None:
    from evaluation import USUAL

    comparison, means = found.comparison, found.means
    click.echo(f"Best by all queries: {found.setting.name}.")
    click.echo(
        f"On held-out queries, nDCG@10 {means[comparison.name]:.4f} against {means[USUAL]:.4f} of "
        f"the usual setting: {comparison.difference:+.4f}, 95 % {comparison.low:+.4f} to "
        f"{comparison.high:+.4f}, p {comparison.p:.4f}."
    )
    others = sorted({each.name for each in found.choices if each != found.setting})
    if others:
        click.echo(f"Some folds chose otherwise: {'; '.join(others)}.")
    if not found.gains:
        click.echo(
            "Warning: that is within noise, so nothing is written: keep the usual setting.",
            err=True,
        )
    elif written:
        click.echo(f"Searches of {', '.join(written)} take it up from now on.")
    else:
        click.echo(f"Add --write to have searches of {index} take it up.")
