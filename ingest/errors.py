"""Errors of this room: each message is one sentence with what was wrong, where, and the cure."""


class IngestError(Exception):
    """Base of every error of an ingestion that cannot go on; `tandem` prints it, exits 1."""
