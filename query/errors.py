"""Errors of this room: each message is one sentence with what was wrong, where, and the cure.

QueryError
├── AnswerError   the cluster answered in a way that must not be shown as a result
├── FilterError   a filter is malformed, or names a field that the index lacks
├── TextError     the query's own text cannot be searched for: it is empty, or its vector is
└── TargetError   the index cannot be searched like this, or not by this encoder
"""


class QueryError(Exception):
    """Base of every error of a search that cannot be made; `tandem` prints it, exits 1."""


class AnswerError(QueryError):
    """The cluster answered in a way that must not be shown as a result."""


class FilterError(QueryError):
    """A filter is malformed, or names a field that the index lacks."""


class TextError(QueryError):
    """The query's own text cannot be searched for: it is empty, or its vector is."""


class TargetError(QueryError):
    """The index cannot be searched like this, or not by this encoder."""
