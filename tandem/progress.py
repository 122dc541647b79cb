"""Progress on standard error: a bar on a terminal, nothing that moves anywhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# What a room calls to tell how far it is: (what, bytes done, bytes in all or None).
OnProgress = Callable[[str, int, "int | None"], None]


def console() -> Any:
    """A rich Console on standard error."""
    from rich.console import Console

    return Console(stderr=True)


@contextmanager
def download_progress() -> Iterator[OnProgress]:
    """Yield a callback that draws one bar per name; where there is no terminal, a line."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    err = console()
    tasks: dict[str, Any] = {}
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, disable=not err.is_terminal) as progress:

        def on_progress(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
                if not err.is_terminal:
                    err.print(what, highlight=False)
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

    err = console()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, disable=not err.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.advance(task, done)


def tell(what: str) -> None:
    """Say on standard error what takes longer than a moment."""
    console().print(f"{what[0].upper()}{what[1:]}...", highlight=False, markup=False)
