"""Texts into unit vectors, by any sentence-transformers model or plain Hugging Face encoder."""

from encoder.cross_encoder import CrossEncoder
from encoder.encoder import Encoder
from encoder.errors import (
    EncoderError,
    ModelDamagedError,
    ModelNotFoundError,
    ModelRefusedError,
)

__all__ = [
    "CrossEncoder",
    "Encoder",
    "EncoderError",
    "ModelDamagedError",
    "ModelNotFoundError",
    "ModelRefusedError",
]
