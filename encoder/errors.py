"""Errors of this room: each message is one sentence with what was wrong, where, and the cure."""


class EncoderError(Exception):
    """Base of every error of loading or running a model; `tandem` prints it, exits 1."""
