"""What is searched: an index's fields, its vectors and who made them."""

from query.target.fields import (
    DATES,
    INTEGERS,
    NUMBERS,
    VECTOR_TYPES,
    Types,
    VectorField,
    known_type,
    nested_in,
)
from query.target.roles import Roles
from query.target.target import Target, read_target

__all__ = [
    "DATES",
    "INTEGERS",
    "NUMBERS",
    "VECTOR_TYPES",
    "Roles",
    "Target",
    "Types",
    "VectorField",
    "known_type",
    "nested_in",
    "read_target",
]
