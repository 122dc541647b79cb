"""`tandem search --queries FILE`: a run of many queries, with a bar and a tally."""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from query.errors import QueryError
from query.files import answer_json, fault_of_id, trec_lines
from query.question import visible
from tandem.base.folders import read_by_somebody, why_not
from tandem.base.wire import json_bytes
from tandem.options.cluster import print_json
from tandem.output.flags import in_flags
from tandem.output.hits import one_line
from tandem.output.progress import bar

if TYPE_CHECKING:
    from query import Answer, Query, Searcher


def is_screen(run: Path | None) -> bool:
    """Whether a run goes to standard output."""
    return run is None or str(run) == "-"


def is_trec(run: Path | None) -> bool:
    """Whether a run is written in TREC's format, and not as JSONL."""
    return run is None or run.suffix != ".jsonl"


def is_same(run: Path | None, source: str) -> bool:
    """Whether a run would be written over the file of queries that it answers."""
    if run is None or is_screen(run) or source == "-":
        return False
    try:
        return run.samefile(source) and _replaceable(run)
    except OSError:
        return False  # one of them is not there yet


@contextmanager
def opened(run: Path | None) -> Iterator[TextIO]:
    """The file to write a run into, None or "-" for standard output.

    A regular file appears when it is whole, or not at all. A link stays, and what it leads to is
    written; a device or a named pipe is written into and never replaced. Raises QueryError.
    """
    if run is None or is_screen(run):
        yield sys.stdout
        return
    try:
        if _replaceable(run):
            with _whole(Path(os.path.realpath(run))) as file:
                yield file
        else:
            with open(run, "w", encoding="utf-8", newline="\n", opener=read_by_somebody) as file:
                yield file
    except OSError as error:
        raise QueryError(f"the run {run} cannot be written: {why_not(error)}.") from error


def _replaceable(run: Path) -> bool:
    """Whether another file may take its place: only a regular file, or what is not there."""
    try:
        return stat.S_ISREG(run.stat().st_mode)
    except FileNotFoundError:
        return True


@contextmanager
def _whole(run: Path) -> Iterator[TextIO]:
    unfinished = run.with_name(f".{run.name}.{os.getpid()}.tmp")
    with open(unfinished, "x", encoding="utf-8", newline="\n") as file:
        try:
            yield file
            file.flush()
            os.replace(unfinished, run)
        finally:
            unfinished.unlink(missing_ok=True)


SOME_FAILED = 3


@dataclass
class ManyQueries:
    """What to read and what to write; counts what came of it.

    source: a file of queries, or "-"; run: the file to write, None or "-" for standard
    output.
    """

    source: str
    run: Path | None
    as_json: bool
    answered: int = 0
    hits: int = 0
    failed: list[dict[str, str]] = field(default_factory=list)
    partial: list[dict[str, str]] = field(default_factory=list)

    def search(self, searcher: Searcher, asked: dict[str, Any]) -> int:
        """Answer all queries as `asked` says, the arguments of a search; return the exit code."""
        # Here, because its room takes half of the time that one search needs to start.
        from evaluation.queries import read_queries

        read = read_queries(self.source)
        began = time.monotonic()
        as_trec = is_trec(self.run)
        # A TREC run has ids and scores alone: nothing else need come over the network.
        asked["source"] = not as_trec
        queries = [each for each in read if not (as_trec and self._cannot_be_held(each))]
        with opened(self.run) as out, bar("Searching", len(queries)) as advance:
            for answer in searcher.search_many(queries, **asked):
                out.writelines(self._lines(answer, f"tandem-{asked['mode']}" if as_trec else None))
                advance(1)
        self._show(len(read), time.monotonic() - began)
        return SOME_FAILED if self.failed or self.partial else 0

    def _cannot_be_held(self, query: Query) -> bool:
        """Whether a TREC run cannot hold the query's id; then it is told, and not searched for."""
        fault = fault_of_id(query.id)
        if fault:
            self._fail(query, fault)
        return fault is not None

    def _lines(self, answer: Answer, tag: str | None) -> list[str]:
        """What of an answer goes into the run: all of its hits, or none where one does not fit."""
        try:
            trec = [] if tag is None else [line + "\n" for line in trec_lines(answer, tag)]
        except QueryError as error:
            self._fail(answer.query, str(error))
            return []
        self._count(answer)
        if tag is not None:
            self.hits += len(trec)
            return trec
        self.hits += len(answer.result or ())
        return [json_bytes(answer_json(answer)).decode() + "\n"]

    def _count(self, answer: Answer) -> None:
        if answer.result is None:
            self._fail(answer.query, str(answer.error))
            return
        self.answered += 1
        if answer.result.partial:
            self.partial.append({"id": answer.query.id, "why": in_flags(answer.result.partial)})

    def _fail(self, query: Query, error: str) -> None:
        self.failed.append({"id": visible(query.id), "error": in_flags(error)})

    def _show(self, read: int, seconds: float) -> None:
        for each in self.failed:
            click.echo(one_line(f"Query {each['id']} failed: {each['error']}"), err=True)
        for each in self.partial:
            click.echo(one_line(f"Query {each['id']} is incomplete: {each['why']}."), err=True)
        if self.as_json:
            told = {"queries": read, "answered": self.answered, "failed": self.failed}
            told |= {"partial": self.partial, "hits": self.hits, "seconds": round(seconds, 3)}
            print_json({**told, "run": str(self.run)})
            return
        where = "" if is_screen(self.run) else f", run {self.run}"
        click.echo(
            f"{read:,} queries: {self.answered:,} answered, {len(self.failed):,} failed, "
            f"{self.hits:,} hits, in {seconds:,.1f} seconds{where}.",
            err=True,
        )
