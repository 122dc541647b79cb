"""Parquet and Arrow files: batches in, rows out, and each cell as JSON has it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import time
from typing import Any

from ingest.errors import SourceError
from ingest.read.sources.files import Position, SourceFile, at_random
from ingest.read.values import Unfit, column_twice, fault_of, is_odd, repeated
from ingest.records import Origin, Row
from tandem.base.errors import one_line

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
# What Arrow raises for a value that Python cannot hold; its own errors are among these.
_UNREADABLE = (ValueError, ArithmeticError, LookupError, NotImplementedError, RecursionError)


def rows_of(batch: Any) -> Iterator[tuple[dict[str, Any], str | None]]:
    """Each row of a record batch without its nulls, and its raw form where JSON cannot hold it."""
    names = batch.schema.names
    columns = [_column(column) for column in batch.columns]
    odd = any(map(is_odd, columns))
    rows = zip(*columns, strict=True) if columns else [()] * batch.num_rows
    for cells in rows:
        row = zip(names, cells, strict=True)
        value = {name: cell for name, cell in row if cell is not None}
        yield value, as_text(value) if odd and fault_of(value) else None


def as_text(value: dict[str, Any]) -> str:
    """JSON, but for what JSON cannot hold."""
    cells = (
        f"{json.dumps(name)}: {cell if isinstance(cell, Unfit) else json.dumps(cell)}"
        for name, cell in value.items()
    )
    return f"{{{', '.join(cells)}}}"


def _column(column: Any) -> list[Any]:
    if not _is_finer(column.type):
        try:
            cells: list[Any] = column.to_pylist()
            return cells if _is_simple(column.type) else [_plain(cell) for cell in cells]
        except _UNREADABLE:
            pass  # one of them: which, is told below
    return [_cell(scalar) for scalar in column]


def _is_simple(kind: Any) -> bool:
    """Whether Python's objects of a type are JSON's too."""
    from pyarrow import types

    tests = (types.is_string, types.is_large_string, types.is_integer, types.is_boolean)
    return any(test(kind) for test in tests)


def _is_finer(kind: Any) -> bool:
    """Whether Python's objects would lose something of a type: nanoseconds, or what is a map."""
    from pyarrow import types

    if types.is_dictionary(kind):
        return _is_finer(kind.value_type)
    if types.is_map(kind) or types.is_duration(kind):
        return True
    if types.is_timestamp(kind) or types.is_time64(kind):
        return bool(kind.unit == "ns")
    return any(_is_finer(kind.field(n).type) for n in range(kind.num_fields))


def _cell(scalar: Any) -> Any:
    """A value as JSON has it; an Unfit where there is no such."""
    from pyarrow import types

    try:
        return _exact(scalar)
    except UnicodeDecodeError as error:
        # A backslash and an x are no JSON, so what is not mended is refused again.
        shown = json.dumps(error.object.decode(errors="surrogateescape"), ensure_ascii=False)
        shown = shown.encode(errors="surrogateescape").decode(errors="backslashreplace")
        return Unfit("invalid UTF-8", shown)
    except _UNREADABLE as error:
        if isinstance(error, OverflowError) and types.is_temporal(scalar.type):
            return Unfit("a date outside the years 1 to 9999", f"{scalar.type} {scalar.value}")
        said = one_line(error)
        return Unfit(f"a value that cannot be read as {scalar.type} ({said})", "unreadable")


def _exact(scalar: Any) -> Any:
    import pyarrow
    from pyarrow import types

    kind = scalar.type
    if not scalar.is_valid:
        return None
    if types.is_dictionary(kind):
        return _exact(scalar.value)
    if types.is_map(kind):
        return _object((_exact(each["key"]), _exact(each["value"])) for each in scalar.values)
    if types.is_struct(kind):
        return _object((name, _exact(each)) for name, each in scalar.items())
    if isinstance(scalar, pyarrow.ListScalar):  # of whatever kind of list
        return [_exact(each) for each in scalar]
    if types.is_duration(kind):
        return duration(scalar.value, kind.unit)
    if (types.is_timestamp(kind) or types.is_time64(kind)) and kind.unit == "ns":
        return _instant(scalar)
    return _plain(scalar.as_py())


def _object(pairs: Iterator[tuple[Any, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if str(key) in found:
            raise ValueError(f"the key {str(key)!r} is there twice")
        found[str(key)] = value
    return {key: value for key, value in found.items() if value is not None}


def duration(value: int, unit: str) -> str:
    """ISO 8601, in seconds and parts of them."""
    seconds, part = divmod(abs(value), _PER_SECOND[unit])
    digits = f"{part * 10**9 // _PER_SECOND[unit]:09d}".rstrip("0")
    return f"{'-' if value < 0 else ''}PT{seconds}{'.' if digits else ''}{digits}S"


def _instant(scalar: Any) -> str:
    """ISO 8601 of a timestamp or a time of day in nanoseconds, with the digits it needs."""
    import pyarrow

    kind = scalar.type
    seconds, part = divmod(scalar.value, _PER_SECOND["ns"])
    if pyarrow.types.is_time64(kind):
        whole = time(seconds // 3600, seconds // 60 % 60, seconds % 60).isoformat()
    else:
        whole = pyarrow.scalar(seconds, pyarrow.timestamp("s", kind.tz)).as_py().isoformat()
    if not part:
        return whole
    digits = f"{part // 1000:06d}" if part % 1000 == 0 else f"{part:09d}"
    end = whole.index(":") + len(":MM:SS")
    return f"{whole[:end]}.{digits}{whole[end:]}"


def _plain(value: Any) -> Any:
    """The value as JSON has it: no nulls, bytes in base64 as the cluster's binary fields want."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


BATCH_ROWS = 256


def read_columnar(source: SourceFile, kind: str, position: Position) -> Iterator[Row]:
    """Every row of a Parquet or Arrow file; nulls are left out.

    Raises SourceError for standard input, for a column that is there twice, and for a file that is
    damaged.
    """
    import pyarrow

    number = 0
    try:
        for batch, before, after in _batches(source, kind):
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
        said = one_line(error)
        raise SourceError(
            f"{source.name} is damaged or no {kind} file after row {number} ({said}): "
            "fetch or write it again, and run the same command; what was stored is kept."
        ) from error


@contextmanager
def _random_access(source: SourceFile, kind: str) -> Iterator[Any]:
    """The file as Arrow reads it fastest."""
    import pyarrow

    if source.path:
        with pyarrow.OSFile(str(source.path)) as file:
            yield file
    else:
        with at_random(source, kind) as buffer:
            yield pyarrow.PythonFile(buffer, mode="r")


def _batches(source: SourceFile, kind: str) -> Iterator[tuple[Any, float, float]]:
    """Record batches, and the shares of the file before and after each, 0 where it tells none."""
    import pyarrow

    if kind == "parquet":
        from pyarrow import parquet

        with _random_access(source, kind) as there, parquet.ParquetFile(there) as file:
            rows, total = 0, file.metadata.num_rows
            for batch in file.iter_batches(batch_size=BATCH_ROWS):
                before, rows = rows, rows + batch.num_rows
                yield batch, before / total, rows / total
        return
    with _random_access(source, kind) as file:
        is_file = file.read(6) == b"ARROW1"
        file.seek(0)
        if is_file:
            reader = pyarrow.ipc.open_file(file)
            count = reader.num_record_batches
            for each in range(count):
                yield reader.get_batch(each), each / count, (each + 1) / count
        else:
            yield from ((batch, 0.0, 0.0) for batch in pyarrow.ipc.open_stream(file))
