"""A text into hits: vector, request body, one request, fusion, hits; by kNN, by BM25, by both."""

from mappings import Fusion, SearchSettings
from query.answer.results import Answer, Facet, FacetValue, Hit, Result, Total
from query.errors import AnswerError, FilterError, QueryError, TargetError, TextError
from query.files import answer_json, result_json, trec_lines
from query.models import PassageScorer, QueryEncoder
from query.question import Bm25, Knn, Query, Question, Tuning
from query.search.async_searcher import AsyncSearcher
from query.search.make_filter import make_filter
from query.search.pipeline import put_pipeline
from query.search.searcher import Searcher
from query.search.settings import put_search_settings, remove_search_settings
from query.search.steps import Rerank
from query.target import Roles

__all__ = [
    "Answer",
    "AnswerError",
    "AsyncSearcher",
    "Bm25",
    "Facet",
    "FacetValue",
    "FilterError",
    "Fusion",
    "Hit",
    "Knn",
    "PassageScorer",
    "Query",
    "QueryEncoder",
    "QueryError",
    "Question",
    "Rerank",
    "Result",
    "Roles",
    "SearchSettings",
    "Searcher",
    "TargetError",
    "TextError",
    "Total",
    "Tuning",
    "answer_json",
    "make_filter",
    "put_pipeline",
    "put_search_settings",
    "remove_search_settings",
    "result_json",
    "trec_lines",
]
