"""Figures of runs as tables: what each is worth, how they differ, and which queries moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tandem.output.hits import one_line
from tandem.output.terminal import console

if TYPE_CHECKING:
    from evaluation import Comparison, Evaluation

# Below this a difference is called more than chance.
SIGNIFICANT = 0.05
QUERY_CHARACTERS = 60


def show_evaluation(evaluation: Evaluation, title: str) -> None:
    """Print the figures, the comparisons and the queries that moved most."""
    from rich.text import Text

    out, err = console(), console(stderr=True)
    for note in evaluation.notes:
        err.print(Text(f"Note: {one_line(note)}"))
    out.print(_means(evaluation, title))
    if evaluation.comparisons:
        out.print(_comparisons(evaluation))
    for comparison in evaluation.comparisons:
        if comparison.gained or comparison.lost:
            out.print(_moved(comparison, evaluation))
    if evaluation.failures:
        first = evaluation.failures[0]
        err.print(
            Text(
                f"{len(evaluation.failures):,} searches failed or lacked hits, such as query "
                f"{one_line(first.query)!r} in mode {first.mode}: {one_line(first.reason)}"
            )
        )


def _table(title: str) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    return Table(title=Text(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)


def _means(evaluation: Evaluation, title: str) -> Any:
    from evaluation import MEASURES

    table = _table(f"{one_line(title)}, {evaluation.queries:,} judged queries")
    table.add_column("")
    for name in MEASURES:
        table.add_column(name, justify="right")
    table.add_column("95 % of nDCG@10", justify="right")
    for each in evaluation.figures:
        low, high = each.interval()
        means = [f"{each.means[name]:.4f}" for name in MEASURES]
        table.add_row(one_line(each.name), *means, f"{low:.3f} to {high:.3f}")
    return table


def _comparisons(evaluation: Evaluation) -> Any:
    table = _table("Differences of nDCG@10, paired by query")
    table.add_column("")
    for name in ("difference", "95 %", "p"):
        table.add_column(name, justify="right")
    table.add_column("")
    for each in evaluation.comparisons:
        sure = "more than chance" if each.p < SIGNIFICANT else "may be chance"
        table.add_row(
            f"{one_line(each.name)} - {one_line(each.against)}",
            f"{each.difference:+.4f}",
            f"{each.low:+.3f} to {each.high:+.3f}",
            f"{each.p:.4f}",
            sure,
        )
    return table


def _moved(comparison: Comparison, evaluation: Evaluation) -> Any:
    from rich.text import Text

    names = f"{one_line(comparison.name)} against {one_line(comparison.against)}"
    table = _table(f"Queries that gained and lost most, {names}")
    table.add_column("query")
    table.add_column(comparison.measure, justify="right")
    table.add_column("")
    for query, before, now in (*comparison.gained, *comparison.lost):
        text = one_line(evaluation.texts.get(query, ""))[:QUERY_CHARACTERS]
        table.add_row(Text(one_line(query)), f"{before:.3f} to {now:.3f}", Text(text))
    return table
