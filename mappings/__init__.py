"""Index bodies and search pipelines: JSON files to read and copy, and what fills them in."""

from mappings.body import Shape, index_body, laid_out
from mappings.errors import MappingError
from mappings.names import (
    LONGEST_NAME,
    fault_of_name,
    fault_of_pattern,
    fault_of_pipeline_name,
    path_of,
)
from mappings.pipelines.pipeline import Fusion, is_own, pipeline_body, read_pipeline
from mappings.pipelines.search import SEARCH, SearchSettings, read_search
from mappings.record import (
    LOADING,
    EncoderRecord,
    Fields,
    Generation,
    IndexRecord,
    load_note,
    own_meta,
    read_record,
    with_load_note,
)

__all__ = [
    "LOADING",
    "LONGEST_NAME",
    "SEARCH",
    "EncoderRecord",
    "Fields",
    "Fusion",
    "Generation",
    "IndexRecord",
    "MappingError",
    "SearchSettings",
    "Shape",
    "fault_of_name",
    "fault_of_pattern",
    "fault_of_pipeline_name",
    "index_body",
    "is_own",
    "laid_out",
    "load_note",
    "own_meta",
    "path_of",
    "pipeline_body",
    "read_pipeline",
    "read_record",
    "read_search",
    "with_load_note",
]
