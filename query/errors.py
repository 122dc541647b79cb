"""Errors of this room: each message is one sentence with what was wrong, where, and the cure."""


class QueryError(Exception):
    """Base of every error of a search that cannot be made; `tandem` prints it, exits 1."""
