"""Errors of this room: each message is one sentence with what was wrong, where, and the cure."""


class MappingError(Exception):
    """Base of every error of an index definition that cannot be made or read; the command line prints it and exits with 1."""
