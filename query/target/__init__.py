"""What is searched: an index's fields, its vectors and who made them."""

from mappings.existing import VECTOR_TYPES, Roles, Types, VectorField, nested_in
from query.target.fields import DATES, INTEGERS, NUMBERS, known_type
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
