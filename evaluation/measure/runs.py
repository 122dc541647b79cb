"""Runs: the ranked documents of each query, as TREC's tools read and write them."""

from __future__ import annotations

import os
from pathlib import Path

from evaluation.errors import EvaluationError
from evaluation.measure.text_files import lines_of
from query.files import falling, fault_of_id
from tandem.base.arguments import checked_arguments

# query id -> (document id, score), best first.
Run = dict[str, list[tuple[str, float]]]


@checked_arguments(EvaluationError)
def read_run(path: Path) -> Run:
    """A run of six columns, `qid Q0 docid rank score tag`, ordered as trec_eval orders it.

    By falling score, and by falling document id where scores are equal; the rank is not looked at.
    Raises EvaluationError, naming the line, for a line of another form, a score that is no number,
    and a document met twice for one query.
    """
    run: dict[str, dict[str, float]] = {}
    for number, line in lines_of(path):
        cells = line.split()
        if len(cells) != 6:
            raise EvaluationError(
                f"{path}:{number}: {len(cells)} columns, and a run has six: qid Q0 docid rank "
                "score tag."
            )
        query, _, document, _, score, _ = cells
        if document in run.setdefault(query, {}):
            raise EvaluationError(
                f"{path}:{number}: document {document!r} is met twice for query {query!r}: a run "
                "holds each once."
            )
        run[query][document] = _number(score, f"{path}:{number}")
    return {query: sorted(found.items(), key=_order, reverse=True) for query, found in run.items()}


def _order(hit: tuple[str, float]) -> tuple[float, str]:
    return hit[1], hit[0]


def _number(score: str, where: str) -> float:
    try:
        return float(score)
    except ValueError:
        raise EvaluationError(f"{where}: the score is {score!r} and must be a number.") from None


@checked_arguments(EvaluationError)
def write_run(run: Run, path: Path, tag: str) -> None:
    """Write a run, whole or not at all; its scores must fall strictly. Raises EvaluationError."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with unfinished.open("x", encoding="utf-8", newline="\n") as file:
            for query, hits in run.items():
                for rank, (document, score) in enumerate(hits, start=1):
                    _check(query, document)
                    file.write(f"{query} Q0 {document} {rank} {score} {tag}\n")
        os.replace(unfinished, path)
    except OSError as error:
        raise EvaluationError(f"the run {path} cannot be written: {error.strerror}.") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _check(*ids: str) -> None:
    for name in ids:
        if fault := fault_of_id(name):
            raise EvaluationError(fault)


def strictly(hits: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """The same hits in the same order, with scores that fall strictly, as `query.files.falling`."""
    scores = falling([score for _, score in hits])
    return [(document, score) for (document, _), score in zip(hits, scores, strict=True)]
