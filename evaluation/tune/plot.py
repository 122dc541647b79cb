"""The curve of a tuning: nDCG@10 by the weight of kNN, a line for each technique."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evaluation.measure.plot import COLOURS, picture
from evaluation.tune.grid import Setting
from evaluation.tune.tuning import CHOSEN, USUAL, Point, Tuned


def draw_curve(tuned: Tuned, title: str, path: Path) -> None:
    """Write the picture; the ending of the name says the format. Raises EvaluationError."""
    with picture(path) as axes:
        _curves(axes, tuned, title)


def _curves(axes: Any, tuned: Tuned, title: str) -> None:
    for number, (technique, points) in enumerate(_lines(tuned.points).items()):
        weights = [each.setting.fusion.effective_weights[1] for each in points]
        colour = COLOURS[number % len(COLOURS)]
        axes.plot(weights, [each.mean for each in points], ".-", color=colour, label=technique)
        ends = [each.low for each in points], [each.high for each in points]
        axes.fill_between(weights, *ends, color=colour, alpha=0.12, linewidth=0)
    for name, style in ((USUAL, ":"), (CHOSEN, "--")):
        label = f"{name}, {'held out' if name == CHOSEN else 'all queries'}"
        axes.axhline(tuned.means[name], color="black", linestyle=style, label=label)
    axes.set_xlabel("weight of kNN")
    axes.set_ylabel("nDCG@10, all queries")
    axes.set_title(title, fontsize=10)
    axes.legend(frameon=False, fontsize=8)


def _lines(points: Sequence[Point]) -> dict[str, list[Point]]:
    """Points of the usual depth and fields that have weights, by technique."""
    lines: dict[str, list[Point]] = defaultdict(list)
    usual = Setting()
    for each in points:
        alike = (each.setting.depth, each.setting.fields) == (usual.depth, usual.fields)
        if alike and sum(each.setting.fusion.effective_weights) <= 1.5:
            lines[each.setting.fusion.technique].append(each)
    return lines
