"""The figures as a picture: a bar for each run and measure, with its confidence interval."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evaluation.errors import EvaluationError
from evaluation.measure.evaluate import Evaluation
from evaluation.measure.measures import MEASURES

# Dark enough beside white, and told apart by those who see no red or green (P. Tol, "bright").
COLOURS = ("#4477aa", "#66ccee", "#228833", "#ccbb44", "#ee6677", "#aa3377")


@contextmanager
def picture(path: Path) -> Iterator[Any]:
    """Axes to draw on, written when they are left; the ending of the name says the format.

    Raises EvaluationError where matplotlib is not installed, or the picture cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise EvaluationError(
            "matplotlib is not installed, which plots need: pip install 'tandem-search[evaluate]'."
        ) from error
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    yield axes
    axes.spines[["top", "right"]].set_visible(False)
    try:
        figure.savefig(path, dpi=150)
    except (OSError, ValueError) as error:
        raise EvaluationError(f"the plot {path} cannot be written: {error}.") from error


def draw(evaluation: Evaluation, title: str, path: Path) -> None:
    """Write a bar chart; the ending of the name says the format. Raises EvaluationError."""
    with picture(path) as axes:
        _bars(axes, evaluation, title)


def _bars(axes: Any, evaluation: Evaluation, title: str) -> None:
    count = len(evaluation.figures)
    width = 0.8 / count
    for number, figures in enumerate(evaluation.figures):
        places = [place + (number - (count - 1) / 2) * width for place in range(len(MEASURES))]
        means = [figures.means[name] for name in MEASURES]
        ends = [figures.interval(name) for name in MEASURES]
        errors = [
            [mean - low for mean, (low, _) in zip(means, ends, strict=True)],
            [high - mean for mean, (_, high) in zip(means, ends, strict=True)],
        ]
        colour = COLOURS[number % len(COLOURS)]
        bars = axes.bar(places, means, width, yerr=errors, capsize=2, color=colour)
        bars.set_label(figures.name)
        axes.bar_label(bars, fmt="%.3f", fontsize=7, padding=3)
    axes.set_xticks(range(len(MEASURES)), MEASURES)
    axes.set_ylim(0, 1.1)
    axes.set_title(f"{title}, {evaluation.queries:,} judged queries, 95 % intervals", fontsize=10)
    axes.legend(frameon=False, ncols=count, loc="upper left")
