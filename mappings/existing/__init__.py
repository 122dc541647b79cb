"""What an index that is there shows of its fields: types, vectors, and which hold what."""

from mappings.existing.adding import missing_properties, with_free_names, with_record
from mappings.existing.copying import copied_body, is_lost, lost_fields
from mappings.existing.fields import (
    VECTOR_TYPES,
    Types,
    VectorField,
    element_of,
    has_vector,
    nested_in,
    resolved,
    source_field,
    types_of,
    vectors,
)
from mappings.existing.memory import GraphMemory, graph_memory
from mappings.existing.roles import (
    SAMPLE,
    Assignment,
    Roles,
    assigned,
    fault_of_roles,
    full_text,
    values_at,
)

__all__ = [
    "SAMPLE",
    "VECTOR_TYPES",
    "Assignment",
    "GraphMemory",
    "Roles",
    "Types",
    "VectorField",
    "assigned",
    "copied_body",
    "element_of",
    "fault_of_roles",
    "full_text",
    "graph_memory",
    "has_vector",
    "is_lost",
    "lost_fields",
    "missing_properties",
    "nested_in",
    "resolved",
    "source_field",
    "types_of",
    "values_at",
    "vectors",
    "with_free_names",
    "with_record",
]
