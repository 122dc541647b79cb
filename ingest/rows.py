"""The rows of any kind of source: files and standard input, or a Python iterable of dicts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import orjson

from ingest.formats import kind_of, read_source
from ingest.records import Origin, Reading, Reject, Row
from ingest.sources import Position, find_sources

Source = str | Path | Sequence[str | Path] | Iterable[dict[str, Any]]


class Rows:
    """The rows of a source, lazily; `position` tells how far they were read."""

    def __init__(self, source: Source, reading: Reading) -> None:
        named = [source] if isinstance(source, str | Path) else source
        self._items: Iterable[Any] = ()
        self._reading = reading
        listed = isinstance(named, list | tuple) and bool(named)
        if listed and all(isinstance(name, str | Path) for name in named):
            self._files = find_sources(cast("Sequence[str | Path]", named))
        else:
            self._files, self._items = [], named
        self.position = Position(self._files)

    def __iter__(self) -> Iterator[Row | Reject]:
        for file in self._files:
            yield from read_source(file, self._reading, self.position)
        yield from _read_iterable(self._items)

    @property
    def rejects_path(self) -> Path:
        """Where refused documents go unless told: beside the first file."""
        if not self._files:
            return Path("documents.rejects.jsonl")
        first = self._files[0].path
        return first.with_name(f"{first.name}.rejects.jsonl") if first else _STDIN_REJECTS


_STDIN_REJECTS = Path("stdin.rejects.jsonl")


def _read_iterable(items: Iterable[Any]) -> Iterator[Row | Reject]:
    """Rows of dicts that JSON can hold; anything else in the iterable becomes a reject."""
    for line, value in enumerate(items, 1):
        origin = Origin("documents", line)
        if not isinstance(value, dict):
            yield Reject(f"the document is {kind_of(value)} and must be a dict", origin)
            continue
        try:
            orjson.dumps(value)
        except TypeError as error:
            # The rejects file is JSON too, so the document goes there as Python shows it.
            yield Reject(f"the document cannot be JSON: {error}", origin, raw=repr(value))
        else:
            yield Row(origin, value)
