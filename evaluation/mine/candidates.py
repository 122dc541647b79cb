"""Candidates of a query: what searches find for it, beside the texts of its judged positives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from evaluation.measure.judgements import Judgements
from evaluation.mine.copies import words_of
from evaluation.mine.records import Case, Mining, Passage
from query import Answer, Hit, Query, QueryError, Result
from query.answer.rerank import passage_text
from query.files import name_of
from query.question import BM25, Mode, Tuning


class Searching(Protocol):
    """The part of query.Searcher that a mining uses."""

    def search_many(
        self,
        queries: Sequence[Query],
        *,
        mode: Mode,
        k: int,
        batch: int,
        collapse: bool,
        tuning: Tuning,
    ) -> Iterator[Answer]:
        """One answer a query, in order."""

    def search(
        self, text: str, *, mode: Mode, k: int, collapse: bool, filter: Mapping[str, Any]
    ) -> Result:
        """The k best documents that meet a filter."""

    def document_field(self) -> str:
        """The field that says which document a passage is of."""


def cases(
    searcher: Searching,
    queries: Sequence[Query],
    judgements: Judgements,
    mining: Mining,
    tuning: Tuning,
) -> list[Case]:
    """A case for each query, with the best passage of each document that was found.

    A query whose search fails or lacks a part of the index, or none of whose positives is there,
    has its error and no candidates. Raises what search_many raises.
    """
    found: dict[str, dict[str, list[Passage]]] = {query.id: {} for query in queries}
    errors: dict[str, str] = {}
    for system in mining.systems:
        answers = searcher.search_many(
            queries,
            mode=system,
            k=mining.depth,
            batch=len(queries),
            collapse=True,
            tuning=tuning,
        )
        for answer in answers:
            found[answer.query.id][system] = _passages(answer.result, system)
            # Where a part is missing, what it holds would be taken for no candidate.
            if answer.fault:
                errors.setdefault(answer.query.id, answer.fault)
    made = []
    for query in queries:
        graded = judgements[query.id]
        wanted = [pid for pid, grade in graded.items() if grade >= mining.relevant]
        made.append(_case(searcher, query, wanted, found[query.id], errors.get(query.id)))
    return made


def _case(
    searcher: Searching,
    query: Query,
    wanted: Sequence[str],
    found: Mapping[str, Sequence[Passage]],
    error: str | None,
) -> Case:
    positives: list[Passage] = []
    try:
        positives = [] if error else _positives(searcher, query, wanted, found)
    except QueryError as failure:
        error = str(failure)
    if not positives and error is None:
        error = f"none of its {len(wanted)} positives is in the index"
    forbidden = [words_of(each.text) for each in positives] + [words_of(query.text)]
    return Case(query, positives, {} if error else found, forbidden, error=error)


def _positives(
    searcher: Searching,
    query: Query,
    wanted: Sequence[str],
    found: Mapping[str, Sequence[Passage]],
) -> list[Passage]:
    """The best passage of each judged positive that the index has, in the order of judgements."""
    known: dict[str, Passage] = {}
    for passages in found.values():
        for each in passages:
            known.setdefault(each.pid, each)
    if missing := [pid for pid in wanted if pid not in known]:
        # Neighbours are found whatever their words are.
        mode = BM25 if set(found) == {BM25} else next(each for each in found if each != BM25)
        result = searcher.search(
            query.text,
            mode=mode,  # type: ignore[arg-type]
            k=len(missing),
            collapse=True,
            filter={"terms": {searcher.document_field(): missing}},
        )
        if result.partial:
            raise QueryError(result.partial)
        known |= {each.pid: each for each in _passages(result, "")}
    return [Passage(pid, known[pid].text) for pid in wanted if pid in known]


def _passages(result: Result | None, system: str) -> list[Passage]:
    """Each document once, at its best place."""
    best: dict[str, Hit] = {}
    for hit in result or ():
        best.setdefault(name_of(hit, result), hit)
    return [Passage(pid, passage_text(hit), system=system) for pid, hit in best.items()]
