"""Progress on standard error: a bar on a terminal, nothing that moves anywhere else."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from tandem.output.flags import in_flags
from tandem.output.terminal import console

if TYPE_CHECKING:
    from cluster.node.artifacts import OnDownload
    from ingest import Report


@contextmanager
def download_progress() -> Iterator[OnDownload]:
    """Yield a callback that draws one bar per name; where there is no terminal, a line."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    err = console(stderr=True)
    tasks: dict[str, Any] = {}
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, disable=not err.is_terminal) as progress:

        def on_progress(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
                if not err.is_terminal:
                    err.print(what)
            progress.update(tasks[what], completed=done, total=total)

        yield on_progress


@contextmanager
def bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yield a callback that draws how many of `total` are done, on a terminal alone."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    err = console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, disable=not err.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.advance(task, done)


@contextmanager
def counter(what: str) -> Iterator[Callable[[int], None]]:
    """Yield a callback that shows how many are done of an unknown number, on a terminal alone."""
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    err = console(stderr=True)
    columns = (TextColumn("{task.description}: {task.completed:.0f}"), TimeElapsedColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done: progress.advance(task, done)


def tell(what: str) -> None:
    """Say on standard error what takes longer than a moment."""
    console(stderr=True).print(f"{what[0].upper()}{what[1:]}...")


LOG_SECONDS = 10.0
# In a shorter run nobody needs to hear that it is being finished.
SHORT_SECONDS = 2.0
# The time left follows from the speed of the last minutes: a second run skips much faster than it
# encodes. Reports come about five times a second.
RECENT_REPORTS = 600
# Before so many seconds, speed is a guess.
FIRST_GUESS = 5.0
BAR_WIDTH = 14


class IngestProgress:
    """Call it with each Report; `last` is the last one, however the run ended."""

    def __init__(self, bar: Any) -> None:
        self.last: Report | None = None
        self._bar = bar
        self._task = bar.add_task("starting", total=None) if bar else None
        self._told: set[str] = set()
        self._logged = time.monotonic()
        self._recent: deque[tuple[float, float]] = deque(maxlen=RECENT_REPORTS)

    def __call__(self, report: Report) -> None:
        """Draw, or log where ten seconds have passed or something new begins."""
        before, outage = (self.last.finishing, self.last.outage) if self.last else (None, None)
        new = report.finishing not in (None, before) and report.seconds > SHORT_SECONDS
        new |= bool(report.outage and not outage)
        self.last = report
        if report.outage:
            self._recent.clear()  # it says nothing of the speed before or after it
        self._recent.append((report.seconds, report.done or 0.0))
        self._warn(report)
        if self._bar:
            self._draw(report)
        elif new or time.monotonic() - self._logged >= LOG_SECONDS:
            self._logged = time.monotonic()
            said = ", ".join([*self._pace(report), *_counts(report)])
            click.echo(f"{time.strftime('%H:%M:%S')} {said}", err=True)

    def _warn(self, report: Report) -> None:
        """Say each warning once, and at once: the end of the run may be hours away."""
        for warning in report.warnings:
            if warning not in self._told:
                self._told.add(warning)
                with self.aside():
                    click.echo(f"Warning: {in_flags(warning)}", err=True)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Leave the terminal to somebody else, who asks a question for instance."""
        if self._bar:
            self._bar.stop()
        try:
            yield
        finally:
            if self._bar:
                self._bar.start()

    def _draw(self, report: Report) -> None:
        # A bar without a total moves to and fro.
        total = None if report.done is None or report.finishing else 1.0
        # Two lines, so that all of it fits into 80 columns.
        text = ", ".join(self._pace(report)) + "\n" + ", ".join(_counts(report))
        self._bar.update(self._task, total=total, completed=report.done or 0, description=text)

    def _pace(self, report: Report) -> list[str]:
        counted = f"{report.read:,} documents"
        if report.outage:
            return [counted, report.outage]
        return [counted, f"{report.docs_per_second:,.1f}/s", *self._left()]

    def _left(self) -> list[str]:
        """How much is done and how long the rest may take, empty where nobody knows."""
        (then, before), (now, done) = self._recent[0], self._recent[-1]
        guess = now - then < FIRST_GUESS or done <= before
        if guess or self.last is None or self.last.finishing:
            return []
        left = (1 - done) * (now - then) / (done - before)
        return [f"{done:.0%}", f"{_duration(left)} left"]


def _duration(seconds: float) -> str:
    minutes, hours = seconds / 60, seconds / 3600
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{minutes:.0f} min" if minutes < 100 else f"{hours:.0f} h"


def _counts(report: Report) -> list[str]:
    parts = [
        f"{report.skipped:,} unchanged" if report.skipped else "",
        f"{report.rejected:,} rejected",
        f"{report.retries:,} retries",
        report.finishing or (f"slowest: {report.slowest}" if report.slowest else ""),
    ]
    return [part for part in parts if part]


@contextmanager
def ingest_progress() -> Iterator[IngestProgress]:
    """Yield what `ingest` takes as on_progress."""
    from rich.progress import BarColumn, Progress, TextColumn

    err = console(stderr=True)
    if not err.is_terminal:
        yield IngestProgress(None)
        return
    with Progress(
        BarColumn(BAR_WIDTH), TextColumn("{task.description}", markup=False), console=err
    ) as bar:
        yield IngestProgress(bar)
