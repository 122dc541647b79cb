"""The rejects file: every refused document with the reason, ready to be mended and taken again."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import IO

import orjson

from ingest.errors import IngestError
from ingest.read.formats.jsonl import parse_json
from ingest.read.formats.tables.delimited import parse_row
from ingest.read.formats.tables.dialect import Dialect
from ingest.read.sources.files import PRIVATE
from ingest.read.values import kind_of
from ingest.records import Reject, Row
from tandem.base.folders import read_by_somebody, why_not

_ENVELOPE = {"reason", "file", "line", "id"}
_CONTENTS = (
    {"document"},
    {"raw"},
    {"raw", "columns", "separator", "quote"},
    {"raw", "columns", "separator"},  # of versions that knew two dialects
)
STDOUT = "-"


class RejectsFile:
    """JSONL, made with the first reject; each line is on its way to the disk before we go on.

    A file that is already there is kept under the same name with ~, or with ~2 where that is taken
    and so on, for it may hold mended documents; so it is at the end of a whole run that refused
    nothing, for it would look like that run's. A device or a pipe is written into. mode: of a new
    file, before the umask.
    """

    def __init__(self, path: str | Path, mode: int = PRIVATE) -> None:
        self.path, self._mode = Path(path), mode
        self.written = 0
        self._file: IO[bytes] | None = None

    def check(self) -> None:
        """Raise IngestError where the file could not be written, before there is a reject.

        Nothing is made for it.
        """
        if str(self.path) == STDOUT:
            raise IngestError(
                "`rejects='-'` would make a file of that name: name another file, or /dev/stdout."
            )
        try:
            folder = self.path.absolute().parent
            if not folder.is_dir():
                raise self._unwritable(f"there is no folder {folder}")
            if self.path.is_dir():
                raise self._unwritable("it is a folder")
            may = may_write(self.path if self._stays() else folder)
        except OSError as error:
            raise self._unwritable(why_not(error)) from error
        if not may:
            raise self._unwritable("permission denied")

    def reach(self) -> None:
        """Open a pipe by name, which has to be read by somebody; raises IngestError.

        Not to be closed before the end, which its reader would take for the end.
        """
        try:
            if self.path.is_fifo():
                self._file = self._open()
        except OSError as error:
            raise self._unwritable(why_not(error)) from error

    def write(self, reject: Reject) -> None:
        """Append one reject; raises IngestError where the file cannot be written."""
        line = orjson.dumps(envelope(reject), option=orjson.OPT_APPEND_NEWLINE, default=str)
        try:
            if self._file is None:
                self._file = self._open()
            while line:  # a disk that is nearly full takes a part
                line = line[self._file.write(line) :]
        except OSError as error:
            raise self._unwritable(why_not(error)) from error
        self.written += 1

    def retire(self) -> Path | None:
        """After a whole run: put away what an earlier one refused, if this one refused nothing.

        Returns where it is now; raises IngestError where it cannot be put away.
        """
        try:
            return self._put_away() if self._file is None else None
        except OSError as error:
            raise self._unwritable(why_not(error)) from error

    def _put_away(self) -> Path | None:
        if not self.path.exists() or self._stays():
            return None
        for number in count(1):
            kept = Path(f"{self.path}~{number if number > 1 else ''}")
            with suppress(FileExistsError):
                # Made first, so that nobody's file can come under it.
                os.close(os.open(kept, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE))
                os.replace(self.path, kept)
                return kept
        return None

    def _open(self) -> IO[bytes]:
        self._put_away()
        # Unbuffered: a kill loses no line.
        if self._stays():
            return open(self.path, "wb", 0, opener=read_by_somebody)
        return open(self.path, "xb", 0, opener=lambda path, flags: os.open(path, flags, self._mode))

    def _stays(self) -> bool:
        """Whether the path is a device or a pipe, such as /dev/null."""
        return self.path.exists() and not self.path.is_file()

    def _unwritable(self, why: str) -> IngestError:
        return IngestError(
            f"the rejects file {self.path} cannot be written ({why}): name another with `rejects`."
        )

    def close(self) -> None:
        """Finish the file, if there is one."""
        if self._file:
            self._file.close()


def mode_for(sources: Sequence[Path | None], new: Path) -> int:
    """The mode of a new file that only those may read and write who may do so with every source.

    None is a source that is no file of this machine.
    """
    files = [each for each in sources if each]
    mode = 0o666 if files and len(files) == len(sources) else PRIVATE
    try:
        group = _group_of_new(new.absolute().parent)
        folders: set[Path] = set()  # each is asked once, however many files are in it
        for source in files:
            mode &= _mode_of(source.stat(), group)
            if hasattr(os, "listxattr") and "system.posix_acl_access" in os.listxattr(source):
                mode &= ~0o070  # those bits are then of other users too
            folders.update(source.resolve().parents)
        for folder in folders:
            may = _mode_of(folder.stat(), group)
            mode &= 0o700 | (0o070 if may & 0o010 else 0) | (0o007 if may & 0o001 else 0)
    except OSError:  # as opening it will tell
        mode &= PRIVATE
    return mode


def _group_of_new(folder: Path) -> int:
    """The group that a new file in a folder has."""
    found = folder.stat()
    return found.st_gid if found.st_mode & stat.S_ISGID else os.getegid()


def _mode_of(found: os.stat_result, group: int) -> int:
    """A mode whose middle is of this group, who may what all may where the file is another's."""
    mode = found.st_mode & 0o777
    return mode if found.st_gid == group else mode & 0o707 | (mode & 0o007) << 3


def may_write(path: Path) -> bool:
    """Whether who runs this may write there, as far as can be told without trying."""
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def envelope(reject: Reject) -> dict[str, object]:
    """One line of the rejects file; `document` where it was parsed, else `raw`.

    A raw row of a table has its `columns`, `separator` and `quote` beside it.
    """
    line: dict[str, object] = {
        "reason": reject.reason,
        "file": reject.origin.file,
        "line": reject.origin.line,
        "id": reject.id,
    }
    if reject.document is not None:
        line["document"] = reject.document
    else:
        line["raw"] = reject.raw
        if reject.columns is not None:
            line |= {"columns": reject.columns, "separator": reject.separator}
            line["quote"] = reject.quote
    return line


def unwrap(row: Row) -> Row | Reject:
    """The document in a line of a rejects file; any other row as it is."""
    value = row.value
    if not value.keys() >= _ENVELOPE or (kept := value.keys() - _ENVELOPE) not in _CONTENTS:
        return row
    if "document" in kept:
        document = value["document"]
        if isinstance(document, dict):
            return Row(row.origin, document, row.raw)
        return Reject(f"document is {kind_of(document)} and must be an object", row.origin)
    raw, columns = str(value["raw"]), value.get("columns")
    if isinstance(columns, list):
        separator = str(value["separator"])
        dialect = Dialect(separator, str(value.get("quote", '"' if separator == "," else "")))
        names, reason = list(map(str, columns)), str(value["reason"])
        return parse_row(raw, names, row.origin, reason, dialect)
    found = parse_json(raw, row.origin)
    return unwrap(found) if isinstance(found, Row) else found
