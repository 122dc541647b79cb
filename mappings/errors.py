"""Errors of this room: each message is one sentence with what was wrong, where, and the cure."""

from tandem.base.errors import TandemError


class MappingError(TandemError):
    """Base of every error of an index body or record that is wrong; `tandem` prints it, exits 1."""
