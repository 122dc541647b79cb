"""The first hits in a new order, by a model that reads the query and each passage together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from query.answer.results import Hit, Reranked, Result
from query.body.words.query_syntax import plain_text
from query.errors import AnswerError, QueryError
from query.models import PassageScorer
from query.question import Question
from query.target import Patterns


def check_depth(depth: int, end: int) -> None:
    """Refuse hits beyond those that are reranked; end: the number of the last that is asked for."""
    if depth < end:
        raise QueryError(
            f"hits up to number {end} are asked for and {depth} are reranked: rerank at least "
            f"{end} (`Rerank.depth`)."
        )


def reranked(result: Result, question: Question, model: PassageScorer) -> Result:
    """The page of `question` from the hits of a deeper search, ordered by the model's scores.

    Each hit keeps its first rank and score in `before`. Of equal scores, the lower first rank comes
    first. No hits are no work. Raises AnswerError where a score is NaN or infinite.
    """
    if not result.hits:
        return result
    passages = [passage_text(hit) for hit in result.hits]
    scores = np.asarray(model.score(plain_text(question), passages))
    if not np.isfinite(scores).all():
        raise AnswerError(
            f"{model.name} gives scores that are no numbers: rerank with another model."
        )
    order = np.argsort(-scores, kind="stable")
    hits = tuple(
        replace(
            result.hits[place],
            rank=rank,
            score=float(scores[place]),
            before=Reranked(result.hits[place].rank, result.hits[place].score),
        )
        for rank, place in enumerate(order.tolist(), start=1)
    )
    page = hits[question.start : question.end]
    return replace(result, hits=tuple(_asked(hit, question) for hit in page))


def _asked(hit: Hit, question: Question) -> Hit:
    """A hit with the fields that were asked for; the model may have read others."""
    if isinstance(question.source, bool):
        return hit
    return replace(hit, source=Patterns.of(question.source).keep(hit.source))


def passage_text(hit: Hit) -> str:
    """What the model reads: the title and the text, as an ingestion encodes them."""
    return f"{hit.title}\n{hit.text}" if hit.title else hit.text
