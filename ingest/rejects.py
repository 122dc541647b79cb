"""The rejects file: every refused document with the reason, ready to be mended and taken again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

import orjson

from ingest.errors import IngestError
from ingest.records import Reject


class RejectsFile:
    """JSONL, made with the first reject; each line is on its way to the disk before we go on.

    A file that is already there is kept under the same name with ~, for it may hold mended
    documents.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.written = 0
        self._file: IO[bytes] | None = None

    def write(self, reject: Reject) -> None:
        """Append one reject; raises IngestError where the file cannot be written."""
        line = orjson.dumps(envelope(reject), option=orjson.OPT_APPEND_NEWLINE, default=str)
        try:
            if self._file is None:
                if self.path.exists():
                    os.replace(self.path, f"{self.path}~")
                # Unbuffered: a kill loses no line.
                self._file = self.path.open("wb", buffering=0)
            self._file.write(line)
        except OSError as error:
            raise IngestError(
                f"the rejects file {self.path} cannot be written ({error.strerror}): "
                "name another with --rejects."
            ) from error
        self.written += 1

    def close(self) -> None:
        """Finish the file, if there is one."""
        if self._file:
            self._file.close()


def envelope(reject: Reject) -> dict[str, object]:
    """One line of the rejects file; `document` where it was parsed, else `raw`."""
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
    return line
