"""A text into hits: vector, request body, one request, fusion, hits; by kNN, by BM25, by both."""

from query.asynchronous import AsyncSearcher
from query.errors import AnswerError, FilterError, QueryError, TargetError, TextError
from query.flow import Rerank
from query.records import Bm25, Knn, PassageScorer, Query, QueryEncoder, Question, Tuning
from query.results import Answer, Hit, Result
from query.searcher import Searcher

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
