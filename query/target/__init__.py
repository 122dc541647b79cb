"""What is searched: an index's fields, its vectors and who made them."""

from mappings.existing import VECTOR_TYPES, Roles, Types, VectorField, nested_in
from query.target.fields import (
    DATES,
    INTEGERS,
    NUMBERS,
    VALUED,
    exact_part,
    fault_of_number,
    known_type,
    valued_field,
)
from query.target.source import Patterns, with_shown_fields
from query.target.target import Target, read_target

__all__ = [
    "DATES",
    "INTEGERS",
    "NUMBERS",
    "VALUED",
    "VECTOR_TYPES",
    "Patterns",
    "Roles",
    "Target",
    "Types",
    "VectorField",
    "exact_part",
    "fault_of_number",
    "known_type",
    "nested_in",
    "read_target",
    "valued_field",
    "with_shown_fields",
]
