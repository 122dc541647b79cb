"""Texts into unit vectors, by any sentence-transformers model or plain Hugging Face encoder."""

import os

from encoder.cross_encoder import CrossEncoder
from encoder.encoder import Encoder
from encoder.errors import (
    EncoderError,
    ModelDamagedError,
    ModelNotFoundError,
    ModelRefusedError,
)

# transformers runs compiled kernels that it fetches from the hub, unless it is told not to.
os.environ.setdefault("USE_HUB_KERNELS", "NO")

__all__ = [
    "CrossEncoder",
    "Encoder",
    "EncoderError",
    "ModelDamagedError",
    "ModelNotFoundError",
    "ModelRefusedError",
]
