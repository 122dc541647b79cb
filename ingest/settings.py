"""The settings of an ingestion: of reading, splitting and writing."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ingest.errors import IngestError
from tandem.base.arguments import checked_arguments

Format = Literal["jsonl", "csv", "tsv", "msmarco", "parquet", "arrow"]
MEGABYTE = 1_000_000
# No cluster takes a larger request: http.max_content_length is a Java int.
LARGEST = 2_000 * MEGABYTE
_DELIMITER = re.compile(r"[^\r\n\"'\\] ?")
_QUOTE = re.compile(r"|\\?[^\w\s\\]")


def check_number(what: str, value: float, least: float, most: float = math.inf) -> None:
    """Raise IngestError for NaN, infinity, and for a number out of range."""
    if least <= value <= most and value != math.inf:
        return
    above = f"at least {least:,}" if most == math.inf else f"from {least:,} to {most:,}"
    raise IngestError(f"{what} is {value:,} and must be a number {above}.")


def _check_table(delimiter: str | None, quote: str | None, encoding: str | None) -> None:
    """Raise IngestError for what no table is written with."""
    if delimiter is not None and not _DELIMITER.fullmatch(delimiter):
        raise IngestError(
            f"`delimiter` is {delimiter!r} and must be one character, with a blank after it where "
            "blanks follow it."
        )
    if quote is not None and not _QUOTE.fullmatch(quote):
        raise IngestError(
            f"`quote` is {quote!r} and must be one character, none, or a backslash and one."
        )
    try:
        known = encoding is None or bool("a".encode(encoding))
    except (LookupError, ValueError):
        known = False
    if not known:
        raise IngestError(
            f"`encoding` is {encoding!r}, which is none that Python knows: name one such as "
            "'latin-1'."
        )


@checked_arguments(IngestError)
@dataclass(frozen=True, kw_only=True)
class Reading:
    """How rows become documents.

    format: jsonl, csv, tsv, msmarco, parquet or arrow, or None to find out; id_field, text_fields,
    title_field: dotted paths, or None for the usual names; template: what is encoded, with {text}
    once; drop_fields: not carried into the index, names or patterns such as `emb_*`;
    id_from_content: documents without an id get one made of their text; max_bytes: a longer
    document is refused; hash_long_ids: an id that the cluster cannot hold is hashed, and kept as
    `original_id`; vector_from: the field of vectors that come with the documents, of the model that
    is named, so that nothing is encoded; rename_fields: (old, new) names, dotted paths, by which
    all else goes; follow: the last file is read on as it grows, until the run is interrupted;
    keep_misfits: a value that does not fit its field's type is kept beside it, as FIELD_misfit;
    delimiter: of tables, with a blank after it where blanks follow it; quote: around their cells,
    "" for none, a backslash and one where that escapes those within; encoding: of text, as Python
    names it; each None to find out; sheet: of a workbook, None for its first one.
    """

    format: Format | None = None
    id_field: str | None = None
    text_fields: Sequence[str] = ()
    title_field: str | None = None
    template: str | None = None
    drop_fields: Sequence[str] = ()
    id_from_content: bool = False
    max_bytes: int = 10 * MEGABYTE
    rename_fields: tuple[tuple[str, str], ...] = ()
    keep_misfits: bool = False
    hash_long_ids: bool = False
    vector_from: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    follow: bool = False

    def __post_init__(self) -> None:
        """Refuse a limit that no document can meet, or no cluster."""
        check_number("`Reading.max_bytes`", self.max_bytes, 1, LARGEST)
        _check_table(self.delimiter, self.quote, self.encoding)


@checked_arguments(IngestError)
@dataclass(frozen=True, kw_only=True)
class Splitting:
    """How documents become passages; overlap: tokens that neighbouring passages share.

    What is encoded around a text, its title for instance, is repeated in each of its passages where
    it fills at most a quarter of one; else it is split with the text, as one text.
    """

    split: bool = True
    overlap: int = 32

    def __post_init__(self) -> None:
        """Refuse an overlap below 0."""
        check_number("overlap", self.overlap, 0)


@checked_arguments(IngestError)
@dataclass(frozen=True, kw_only=True)
class Writing:
    """How passages are sent.

    max_bytes and max_count bound one request; in_flight: requests at the same time; max_outage:
    seconds without anything accepted before the run gives up; interrupt_outage: before one gives up
    that was interrupted. Who ends services kills after 90 seconds, and this may be waited twice.
    """

    max_bytes: int = 5 * MEGABYTE
    max_count: int = 500
    in_flight: int = 3
    max_outage: float = 600.0
    interrupt_outage: float = 30.0

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        check_number("`Writing.max_bytes`", self.max_bytes, 1, LARGEST)
        check_number("`max_count`", self.max_count, 1)
        check_number("`in_flight`", self.in_flight, 1)
        check_number("`max_outage`", self.max_outage, 0)
        check_number("interrupt_outage", self.interrupt_outage, 0)


@checked_arguments(IngestError)
@dataclass(frozen=True, kw_only=True)
class RejectLimit:
    """How many rejects are too many: a fixed number, or a share of what was read, at least 100."""

    share: float | None = 0.01
    number: int = 100

    def __post_init__(self) -> None:
        """Refuse a number below 0 and a share that is none."""
        check_number("the number of `max_rejects`", self.number, 0)
        if self.share is not None:
            check_number("the share of `max_rejects`", self.share, 0, 1)

    def allows(self, rejected: int, read: int) -> bool:
        """Whether the run may go on."""
        share = self.share * read if self.share is not None else 0
        return rejected <= max(self.number, share)

    def allows_in_the_end(self, rejected: int, read: int) -> bool:
        """Whether so many of all may be missing: the share exactly, where one was given."""
        return rejected <= (self.number if self.share is None else self.share * read)
