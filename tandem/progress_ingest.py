"""The progress of an ingestion: a bar on a terminal, a log line every ten seconds elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from tandem.progress import console

if TYPE_CHECKING:
    from ingest import Report

LOG_SECONDS = 10.0


class IngestProgress:
    """Call it with each Report; `last` is the last one, however the run ended."""

    def __init__(self, bar: Any) -> None:
        self.last: Report | None = None
        self._bar = bar
        self._task = bar.add_task("", total=None) if bar else None
        self._logged = time.monotonic()

    def __call__(self, report: Report) -> None:
        """Draw, or log where ten seconds have passed."""
        self.last = report
        if self._bar:
            total = None if report.done is None else 1.0
            line = _line(report)
            self._bar.update(self._task, total=total, completed=report.done or 0, description=line)
        elif time.monotonic() - self._logged >= LOG_SECONDS:
            self._logged = time.monotonic()
            click.echo(f"{time.strftime('%H:%M:%S')} {_line(report)}{_left(report)}", err=True)


def _line(report: Report) -> str:
    parts = [
        f"{report.read:,} documents",
        f"{report.docs_per_second:,.1f}/s",
        f"{report.skipped:,} unchanged" if report.skipped else "",
        f"{report.rejected:,} rejected",
        f"{report.retries:,} retries",
        f"slowest: {report.slowest}" if report.slowest else "",
    ]
    return ", ".join(part for part in parts if part)


def _left(report: Report) -> str:
    if not report.done:
        return ""
    left = report.seconds / report.done - report.seconds
    return f", {report.done:.0%} read, about {left:,.0f} s left"


@contextmanager
def ingest_progress() -> Iterator[IngestProgress]:
    """Yield what `ingest` takes as on_progress."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    err = console()
    if not err.is_terminal:
        yield IngestProgress(None)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err) as bar:
        yield IngestProgress(bar)
