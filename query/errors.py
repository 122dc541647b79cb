"""Errors of this room: each message is one sentence with what was wrong, where, and the cure.

QueryError
├── AnswerError   the cluster answered in a way that must not be shown as a result
├── FilterError   a filter is malformed, or names a field that the index lacks
├── TextError     the query's own text cannot be searched for: it is empty, or its vector is
└── TargetError   the index cannot be searched like this, or not by this encoder
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

from tandem.base.errors import TandemError

if TYPE_CHECKING:
    from cluster import Cluster


class QueryError(TandemError):
    """Base of every error of a search that cannot be made; `tandem` prints it, exits 1."""


class AnswerError(QueryError):
    """The cluster answered in a way that must not be shown as a result."""


class FilterError(QueryError):
    """A filter is malformed, or names a field that the index lacks."""


class TextError(QueryError):
    """The query's own text cannot be searched for: it is empty, or its vector is."""


class TargetError(QueryError):
    """The index cannot be searched like this, or not by this encoder."""


# Elasticsearch may find such a query too large for its memory before it counts the clauses.
_TOO_MANY_WORDS = re.compile(
    r"maxClauseCount|[Tt]oo many (nested )?clauses|Data too large, data for \[query\]"
)


def is_too_many_words(error: Exception) -> bool:
    """Whether the cluster refused a query of more clauses than its indices.query.bool allows."""
    return _TOO_MANY_WORDS.search(str(getattr(error, "info", ""))) is not None


def explained(error: Exception, cluster: Cluster) -> Exception:
    """An exception of the client in plain words; errors of our rooms and defects stay the same."""
    from opensearchpy.exceptions import OpenSearchException

    if not isinstance(error, OpenSearchException):
        return error
    if is_too_many_words(error):
        return QueryError(
            "the filter has more values, or a field's pattern more fields, than the cluster "
            "matches at once: give fewer."
        )
    return cluster.explain(error)


def raise_explained(error: Exception, told: Exception) -> NoReturn:
    """Raise what `explained` made of an error, with its cause where that tells more."""
    from cluster.errors import cause_of

    if told is error:
        raise error
    raise told from cause_of(told, error)
