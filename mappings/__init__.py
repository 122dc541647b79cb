"""Index bodies: JSON files a user can read and copy, and the little Python that fills them in."""

from mappings.body import Shape, index_body
from mappings.errors import MappingError
from mappings.record import EncoderRecord, Fields, IndexRecord, read_record

__all__ = [
    "EncoderRecord",
    "Fields",
    "IndexRecord",
    "MappingError",
    "Shape",
    "index_body",
    "read_record",
]
