"""Errors of this room: each message is one sentence with what was wrong, where, and the cure.

EncoderError
├── ModelNotFoundError     no such model here, and none could be fetched
├── ModelRefusedError      a model that cannot be run here, or not safely
└── ModelDamagedError      files that are missing, broken, or do not fit together
"""

from tandem.base.errors import TandemError


class EncoderError(TandemError):
    """Base of every error of loading or running a model; `tandem` prints it, exits 1."""


class ModelNotFoundError(EncoderError):
    """No such model is on this machine, and none could be fetched."""


class ModelRefusedError(EncoderError):
    """The model needs what is not supported, or what is not safe to run."""


class ModelDamagedError(EncoderError):
    """A file of the model is missing, broken, or does not fit the others."""
