"""Texts into unit vectors, by any sentence-transformers model or plain Hugging Face encoder."""

from encoder.encoder import Encoder
from encoder.errors import (
    EncoderError,
    ModelDamagedError,
    ModelNotFoundError,
    ModelRefusedError,
)

__all__ = [
    "Encoder",
    "EncoderError",
    "ModelDamagedError",
    "ModelNotFoundError",
    "ModelRefusedError",
]
