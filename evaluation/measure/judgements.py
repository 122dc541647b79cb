"""Judgements as they are published: BEIR's table, TREC's qrels, MS MARCO's qrels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from evaluation.errors import EvaluationError
from evaluation.measure.text_files import lines_of
from tandem.base.arguments import checked_arguments

# query id -> document id -> grade; a grade of 0 or less is judged and not relevant.
Judgements = dict[str, dict[str, int]]

# The first cell of the header that BEIR writes, and of tables made after it.
_HEADERS = ("query-id", "query_id", "qid", "queryid")


@checked_arguments(EvaluationError)
def read_judgements(path: Path, split: str = "test") -> Judgements:
    """Grades of documents by query, from a file or from a BEIR folder's `qrels/SPLIT.tsv`.

    A line has three columns (query, document, grade; BEIR, with or without its header) or four
    (query, 0, document, grade; TREC and MS MARCO), with tabs or blanks between them. A file whose
    name ends in .gz is unpacked. Raises EvaluationError, naming the line, for anything else, for a
    pair judged twice with two grades, and where nothing is judged.
    """
    file = path / "qrels" / f"{split}.tsv" if path.is_dir() else path
    judgements: Judgements = {}
    for number, query, document, grade in _rows(file):
        grades = judgements.setdefault(query, {})
        if grades.setdefault(document, grade) != grade:
            raise EvaluationError(
                f"{file}:{number}: document {document!r} has grade {grade} for query {query!r} and "
                f"grade {grades[document]} above: keep one of the lines."
            )
    if not judgements:
        raise EvaluationError(
            f"{file} judges nothing: write a query, a document and a grade a line."
        )
    return judgements


def _rows(file: Path) -> Iterator[tuple[int, str, str, int]]:
    for number, line in lines_of(file):
        cells = line.split("\t") if "\t" in line else line.split()
        cells = [cell.strip() for cell in cells]
        if number == 1 and cells[0].lower() in _HEADERS:
            continue
        if len(cells) not in (3, 4):
            raise EvaluationError(
                f"{file}:{number}: {len(cells)} columns, and judgements have three (query, "
                "document, grade) or four (query, 0, document, grade)."
            )
        try:
            yield number, cells[0], cells[-2], int(cells[-1])
        except ValueError:
            raise EvaluationError(
                f"{file}:{number}: the grade is {cells[-1]!r} and must be a whole number."
            ) from None
