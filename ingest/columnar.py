"""Parquet and Arrow: record batches in, rows out, a few hundred at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ingest.cells import rows_of
from ingest.errors import SourceError
from ingest.records import Origin, Row
from ingest.sources import Position, Source
from ingest.tables import column_twice, repeated

BATCH_ROWS = 256


def read_columnar(source: Source, kind: str, position: Position) -> Iterator[Row]:
    """Every row of a Parquet or Arrow file; nulls are left out.

    Raises SourceError for standard input, for a column that is there twice, and for a file that is
    damaged.
    """
    import pyarrow

    if source.path is None:
        raise SourceError(f"{kind} needs a file, not standard input: save it first.")
    number = 0
    try:
        for batch, before, after in _batches(str(source.path), kind):
            if twice := repeated(batch.schema.names):
                raise column_twice(source.name, twice)
            for start in range(0, batch.num_rows, BATCH_ROWS):
                position.reached(source, before + (after - before) * start / batch.num_rows)
                for value, raw in rows_of(batch.slice(start, BATCH_ROWS)):
                    number += 1
                    yield Row(Origin(source.name, number), value, raw)
    except FileNotFoundError as error:
        raise SourceError(f"{source.name} cannot be read: it was removed meanwhile.") from error
    except (pyarrow.ArrowException, OSError, EOFError) as error:
        said = " ".join(str(error).split())[:200].rstrip(".")
        raise SourceError(
            f"{source.name} is damaged or no {kind} file after row {number} ({said}): "
            "fetch or write it again, and run the same command; what was stored is kept."
        ) from error


def _batches(path: str, kind: str) -> Iterator[tuple[Any, float, float]]:
    """Record batches, and the shares of the file before and after each, 0 where it tells none."""
    import pyarrow

    if kind == "parquet":
        from pyarrow import parquet

        with parquet.ParquetFile(path) as file:
            rows, total = 0, file.metadata.num_rows
            for batch in file.iter_batches(batch_size=BATCH_ROWS):
                before, rows = rows, rows + batch.num_rows
                yield batch, before / total, rows / total
        return
    with pyarrow.OSFile(path) as file:
        is_file = file.read(6) == b"ARROW1"
        file.seek(0)
        if is_file:
            reader = pyarrow.ipc.open_file(file)
            count = reader.num_record_batches
            for each in range(count):
                yield reader.get_batch(each), each / count, (each + 1) / count
        else:
            yield from ((batch, 0.0, 0.0) for batch in pyarrow.ipc.open_stream(file))
