"""Which format a source has, by its first bytes and its name, or why it is none that is read."""

from __future__ import annotations

from pathlib import PurePath

from ingest.errors import SourceError
from ingest.read.sources.files import COMPRESSED, ENDINGS
from ingest.read.sources.streams import DAMAGE, Stream, damaged

FORMATS = ("jsonl", "csv", "tsv", "msmarco", "parquet", "arrow")
# What every message of an Arrow stream begins with.
_ARROW_STREAM = b"\xff\xff\xff\xff"
_FIRST_BYTES = {
    b"PAR1": "parquet",
    b"ARROW1": "arrow",
    _ARROW_STREAM: "arrow",
    b"PK\x03\x04": "zip",
}
_TAR, _TAR_AT = b"ustar", 257
_HTML = "convert it with `pip install html2text`, then `html2text FILE.html > FILE.md`"
# What is not read, by its first bytes, and what makes a file of it that is.
_NOT_READ = {
    b"%pdf": ("a PDF", "convert it with `pdftotext FILE.pdf FILE.txt`"),
    b"\xd0\xcf\x11\xe0": ("a file of an old Office", "save it as CSV (UTF-8) or as plain text"),
    b"{\\rtf": ("RTF", "save it as plain text (.txt)"),
    b"<!doctype html": ("HTML", _HTML),
    b"<html": ("HTML", _HTML),
    b"<": (
        "XML",
        "convert it with pandas: read_xml('FILE.xml', parser='etree')"
        ".to_json('FILE.jsonl', orient='records', lines=True)",
    ),
}


def format_of(name: str, path: PurePath | None, stream: Stream) -> str:
    """One of FORMATS, zip, tar or text; raises SourceError for anything else, with a cure."""
    if kind := marked(name, stream):
        return kind
    start = stream.peek(512)[:512]
    kind = ENDINGS.get(ending(path), "") if path else ""
    head = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if kind in ("", "jsonl"):
        for mark, (what, cure) in _NOT_READ.items():
            if head.startswith(mark):
                raise SourceError(f"{name} is {what}, which is not read: {cure}.")
    if not kind and (head.startswith((b"{", b"[")) or not head):
        return "jsonl"
    if not kind:
        raise SourceError(
            f"the format of {name} is not known: name it with `format`, "
            f"one of {', '.join(FORMATS)}."
        )
    return kind


def marked(name: str, stream: Stream) -> str | None:
    """The format that the first bytes alone tell; raises SourceError where they are damaged."""
    try:
        start = stream.peek(512)[:512]
    except DAMAGE as error:
        raise damaged(name, 0, error) from error
    if start[_TAR_AT:].startswith(_TAR):
        return "tar"
    return next((kind for mark, kind in _FIRST_BYTES.items() if start.startswith(mark)), None)


def ending(path: PurePath) -> str:
    """How a file's name ends, before the ending of its compression."""
    endings = [each.lower() for each in path.suffixes]
    while endings and endings[-1] in COMPRESSED:
        endings.pop()
    return endings[-1] if endings else ""
