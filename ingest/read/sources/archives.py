"""The files within a zip or tar, one after another."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import PurePosixPath
from typing import IO, Any, cast

from ingest.errors import SourceError
from ingest.read.sources.files import BEIR_CORPUS, SourceFile, at_random, chosen
from ingest.read.sources.streams import DAMAGE, Stream, decompressed
from tandem.base.errors import one_line

# What an office document holds, and what it is.
_OFFICE = {
    "word/document.xml": ("a Word document", "save it as plain text (.txt)"),
    "ppt/presentation.xml": ("a presentation", "save it as plain text (.txt)"),
    "META-INF/container.xml": ("an EPUB book", "save it as plain text (.txt)"),
    "content.xml": ("an OpenDocument file", "save it as CSV (UTF-8) or as plain text (.txt)"),
}

Members = Iterator[tuple[PurePosixPath, Stream, float]]

# Also: encrypted, and compressed in a way that Python does not know.
_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, RuntimeError, NotImplementedError, *DAMAGE)


def members(source: SourceFile, kind: str, main: str = BEIR_CORPUS) -> Members:
    """Each file that can be read: its path within, its bytes, and the share of those before it.

    As in a folder, a corpus.jsonl is the only one; main: another such name. Raises SourceError for
    standard input, for an archive that is damaged or needs a password, and for an office document.
    """
    try:
        with at_random(source, kind) as file:
            yield from _of_zip(file, source.name, main) if kind == "zip" else _of_tar(file, main)
    except _DAMAGE as error:
        said = one_line(error)
        raise SourceError(f"{source.name} cannot be read ({said}): unpack it first.") from error


def is_workbook(source: SourceFile) -> bool:
    """Whether a zip is one of Excel's workbooks."""
    with suppress(*_DAMAGE), at_random(source, "zip") as file, zipfile.ZipFile(file) as archive:
        return "xl/workbook.xml" in archive.namelist()
    return False


def _buffered(member: Any) -> io.BufferedReader:
    return cast("io.BufferedReader", io.BufferedReader(member, 1 << 16))


def _of_zip(file: IO[bytes], shown: str, main: str) -> Members:
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        for name, (what, cure) in _OFFICE.items():
            if name in names:
                raise SourceError(f"{shown} is {what}, which is not read: {cure}.")
        wanted = chosen([PurePosixPath(name) for name in names if not name.endswith("/")], main)
        for number, path in enumerate(wanted):
            with archive.open(str(path)) as member:
                buffer = _buffered(member)
                yield path, decompressed(buffer, str(path)), number / len(wanted)


def _of_tar(file: IO[bytes], main: str) -> Members:
    with tarfile.open(fileobj=file) as archive:
        files = {PurePosixPath(member.name): member for member in archive if member.isfile()}
        wanted = chosen(list(files), main)
        for number, name in enumerate(wanted):
            member = archive.extractfile(files[name])
            buffer = _buffered(member)
            yield name, decompressed(buffer, str(name)), number / len(wanted)
