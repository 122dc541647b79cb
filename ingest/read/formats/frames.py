"""What Python holds documents in: lists, generators, and tables of pandas, polars or Arrow.

Libraries are told by what their objects can do, and none is imported for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any

from ingest.errors import SourceError
from ingest.read.formats.arrow import BATCH_ROWS, rows_of
from ingest.read.values import column_twice, repeated
from tandem.base.arguments import shown

_FRAME = "the table"


def items_of(source: Any) -> Iterable[Any]:
    """The documents of a source that is no file; raises SourceError for what holds none."""
    if cure := _cure(source):
        raise SourceError(f"the source is {shown(source)}: {cure}.")
    if hasattr(source, "iloc"):
        _check_columns(list(source.columns))
        return _Again(lambda: _of_pandas(source))
    if hasattr(source, "to_batches"):  # of an Arrow table or data set, which may be on the disk
        _check_columns(source.schema.names)
        return _Again(lambda: _of_batches(source.to_batches()))
    if hasattr(source, "__arrow_c_stream__"):
        return _of_stream(source)
    return source  # type: ignore[no-any-return]


def _cure(source: Any) -> str | None:
    """What to give instead of a source that is none, or None where it is one."""
    if isinstance(source, Mapping):
        many = bool(source) and all(hasattr(part, "column_names") for part in source.values())
        one = f"choose a part, such as source[{next(iter(source))!r}]" if many else ""
        return one or "put the one document into a list, or give its parts one by one"
    if is_dataclass(source) or any(hasattr(source, each) for each in ("model_dump", "_asdict")):
        return "put the one document into a list"
    if isinstance(source, bytes | bytearray | memoryview):
        return "give the path of a file, or a list of dicts"
    if hasattr(source, "readline"):
        return "give the path of the file instead of the open file"
    if isinstance(source, set | frozenset):
        return "give a list, for a set has no order"
    if hasattr(source, "iloc") and not hasattr(source, "columns"):
        return "give the whole DataFrame, not a column of it"
    if hasattr(source, "iloc") or hasattr(source, "to_batches"):
        return None
    if hasattr(source, "collect") and not hasattr(source, "__arrow_c_stream__"):
        return "give what its collect() returns"
    if not isinstance(source, Iterable) and not hasattr(source, "__arrow_c_stream__"):
        return "give a path, a list of dicts, or a table of pandas, polars or Arrow"
    return None


class _Again:
    """Items that can be gone through as often as wanted."""

    def __init__(self, make: Any) -> None:
        self._make = make

    def __iter__(self) -> Iterator[Any]:
        return iter(self._make())


def _check_columns(names: list[Any]) -> None:
    if twice := repeated([str(name) for name in names]):
        raise column_twice(_FRAME, twice)


def _of_pandas(frame: Any) -> Iterator[dict[str, Any]]:
    """Its rows, a slice at a time: a copy of all of them would double the memory."""
    named = any(name is not None for name in frame.index.names)
    for start in range(0, len(frame), BATCH_ROWS):
        part = frame.iloc[start : start + BATCH_ROWS]
        # An index with a name is a column, mostly of the ids.
        part = part.reset_index() if named else part
        columns = [str(name) for name in part.columns]
        for cells in part.itertuples(index=False, name=None):
            yield dict(zip(columns, cells, strict=True))


def _of_stream(source: Any) -> Iterable[Any]:
    """The rows of whatever speaks Arrow's C interface, such as polars."""
    import pyarrow

    try:
        names = pyarrow.RecordBatchReader.from_stream(source).schema.names
    except (pyarrow.ArrowException, TypeError, ValueError) as error:
        raise SourceError(
            f"the source is {shown(source)}, which is no table: give the whole table."
        ) from error
    _check_columns(names)
    return _Again(lambda: _of_batches(pyarrow.RecordBatchReader.from_stream(source)))


def _of_batches(batches: Iterable[Any]) -> Iterator[dict[str, Any]]:
    for batch in batches:
        for start in range(0, batch.num_rows, BATCH_ROWS):
            for value, _ in rows_of(batch.slice(start, BATCH_ROWS)):
                yield value
