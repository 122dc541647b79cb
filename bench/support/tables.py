"""What bench/load.py found, as tables, and whether it is what it should be.

Verdicts are between ways that did the same: loads in one precision, searches that look at as many
candidates, the first hit and the memory of who was asked for all searches.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.support.report import show, verdict
from bench.support.ways import Way

WHOLE, FRAMEWORKS, MANY = 1.3, 3.0, 1.2
MODES = ("bm25", "knn", "hybrid")


def whole(way: Way) -> float:
    """Seconds of a load, process and all."""
    return middle(way.loads, "whole")


def middle(found: Sequence[Mapping[str, Any]], name: str) -> float:
    """The median of all rounds."""
    return statistics.median(each[name] for each in found)


def show_loads(ways: list[Way], count: int, markdown: Path) -> None:
    """A line a way, the fastest first."""
    headings = ["load", "documents/s", "with start-up", "whole s", "peak MB", "cosine", "nDCG@10"]
    rows = []
    for way in sorted(ways, key=whole):
        rows.append(
            [
                way.name,
                f"{count / middle(way.loads, 'load'):.0f}",
                f"{count / whole(way):.0f}",
                f"{whole(way):.1f}",
                f"{middle(way.loads, 'peak'):,.0f}",
                f"{way.cosine:.6f}",
                f"{way.ranking:.4f}",
                str(len(way.loads)),
            ]
        )
    show(f"{count:,} passages, from a file to searchable", [*headings, "rounds"], rows, markdown)


def show_searches(ways: list[Way], looks: Sequence[str], markdown: Path) -> None:
    """A line for each way and number of candidates; in brackets, the cluster's own time."""
    headings = ["search", "candidates", "first hit s", *(f"{mode} ms" for mode in MODES)]
    headings += [*(f"many {mode}/s" for mode in MODES), "peak MB", "rounds"]
    rows = []
    for look in looks:
        for way in (each for each in searched(ways) if asked(each, f"{look} knn")):
            one = [_one(way, f"{look} {mode}") for mode in MODES]
            many = [_figure(way, f"{look} many {mode}", ".0f") for mode in MODES]
            first, peak = _figure(way, "first", ".2f"), _figure(way, "peak", ",.0f")
            rows.append([way.name, look, first, *one, *many, peak, str(len(way.searches))])
    title = "From a text to its hits, in fresh processes (in brackets, what the cluster took)"
    show(title, headings, rows, markdown)


def searched(ways: list[Way]) -> list[Way]:
    """Those whose index is searched, ours first."""
    return [way for way in ways if way.searches]


def asked(way: Way, name: str) -> bool:
    """Whether a way was measured in this."""
    return name in way.searches[0]


def _figure(way: Way, name: str, form: str) -> str:
    return f"{middle(way.searches, name):{form}}" if asked(way, name) else "-"


def _one(way: Way, name: str) -> str:
    if not asked(way, name):
        return "-"
    took = middle(way.searches, f"{name} took")
    return f"{middle(way.searches, name):.2f}" + ("" if math.isnan(took) else f" ({took:.1f})")


def verdicts_of_loads(ways: list[Way], unasked: str) -> None:
    """Ours beside the strongest in the same precision, and beside the frameworks.

    unasked: the precision that we take where nobody says.
    """
    peers = [way for way in ways if not way.ours]
    for own in (way for way in ways if way.ours):
        equal = [way for way in peers if way.precision == own.precision]
        if not equal:
            print(f"{own.name}: no peer in this precision was measured")
            continue
        best, least = min(equal, key=whole), min(equal, key=lambda way: middle(way.loads, "peak"))
        times = whole(best) / whole(own)
        verdict(f"{own.name}: whole load over {best.name}", times, WHOLE, at_least=True)
        share = middle(own.loads, "peak") / middle(least.loads, "peak")
        verdict(f"{own.name}: peak memory over {least.name}'s", share, 1.0, at_least=False)
    frameworks = [way for way in peers if way.framework]
    chosen = [way for way in ways if way.ours and way.precision == unasked]
    if not frameworks or not chosen:
        print("whole load over the frameworks: not measured")
        return
    best, own = min(frameworks, key=whole), chosen[0]
    what = f"{own.name}, chosen unasked: whole load over {best.name}"
    verdict(what, whole(best) / whole(own), FRAMEWORKS, at_least=True)


def verdicts_of_searches(ways: list[Way], looks: Sequence[str]) -> None:
    """Ours beside the strongest that looks at as many candidates, in each mode."""
    own, *peers = searched(ways)
    for look in looks:
        for mode in MODES:
            name = f"{look} {mode}"
            _shares(own, peers, name, f"{look} candidates, one query, {mode},")
            many = f"{look} many {mode}"
            if able := [way for way in peers if asked(way, many)]:
                best = max(able, key=lambda way: middle(way.searches, many))
                times = middle(own.searches, many) / middle(best.searches, many)
                what = f"{look} candidates, many queries, {mode}, over {best.name}"
                verdict(what, times, MANY, at_least=True)
    alike = [
        way for way in peers if way.searches[0]["hits"].keys() == own.searches[0]["hits"].keys()
    ]
    _shares(own, alike, "first", "first hit")
    _shares(own, alike, "peak", "peak memory of searching")
    for way in alike:
        print(f"of Tandem's ten hits, {way.name} has {_same(own, way)}")


def _shares(own: Way, peers: list[Way], name: str, what: str) -> None:
    able = [way for way in peers if asked(way, name)]
    if not able:
        print(f"{what} no peer was measured")
        return
    best = min(able, key=lambda way: middle(way.searches, name))
    share = middle(own.searches, name) / middle(best.searches, name)
    verdict(f"{what} over {best.name}", share, 1.0, at_least=False)


def _same(own: Way, way: Way) -> str:
    """How many of our hits another way has too, in each kind of search."""
    told = []
    for name, ours in own.searches[0]["hits"].items():
        theirs = way.searches[0]["hits"][name]
        common = [len({*a} & {*b}) / len(a) for a, b in zip(ours, theirs, strict=True)]
        told.append(f"{name} {statistics.fmean(common):.1%}")
    return ", ".join(told)
