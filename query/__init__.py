"""A text into hits: vector, request body, one request, fusion, hits; by kNN, by BM25, by both."""

from query.answer.results import Answer, Hit, Result
from query.errors import AnswerError, FilterError, QueryError, TargetError, TextError
from query.question import Bm25, Knn, PassageScorer, Query, QueryEncoder, Question, Tuning
from query.search.async_searcher import AsyncSearcher
from query.search.searcher import Searcher
from query.search.steps import Rerank

__all__ = [
    "Answer",
    "AnswerError",
    "AsyncSearcher",
    "Bm25",
    "FilterError",
    "Hit",
    "Knn",
    "PassageScorer",
    "Query",
    "QueryEncoder",
    "QueryError",
    "Question",
    "Rerank",
    "Result",
    "Searcher",
    "TargetError",
    "TextError",
    "Tuning",
]
