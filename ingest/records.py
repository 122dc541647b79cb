"""What flows through an ingestion, in the order of the path."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any, Protocol

import orjson

from mappings import Fields
from tandem.base.vectors import Numbers, Vector

PASSAGE_ID = r"##\d+$"
_POSITION = re.compile(r"##\d+")
_STAMP = re.compile(r"([0-9a-f]{32}):([0-9a-f]{16}):([1-9]\d{0,8})")
# The content hash of a passage that is to be written anew, because it has no vector.
FORGOTTEN = ""
# Why a document is rejected whose place a stranger's has; of its id.
TAKEN = "the id {!r} is taken by a document that Tandem did not write"
_SORTED = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS


def passage_id(document_id: str, position: int) -> str:
    """The `_id` of a document's passage; position counts from 0."""
    return f"{document_id}##{position}" if position else document_id


@dataclass(frozen=True)
class Stamp:
    """The three parts of a stored content hash."""

    encoded: str
    rest: str
    count: int


def stamp(fingerprint: str, encoded: str, body: dict[str, Any], count: int) -> str:
    """The content hash of a passage: what it encodes, by which encoder, and what else it stores."""
    first = hashlib.blake2b(fingerprint.encode(), digest_size=16)
    first.update(b"\0" + encoded.encode())
    rest = hashlib.blake2b(orjson.dumps(body, option=_SORTED), digest_size=8)
    return f"{first.hexdigest()}:{rest.hexdigest()}:{count}"


def parse_stamp(text: Any) -> Stamp | None:
    """The parts of a stored content hash, or None where it is not one of ours."""
    match = _STAMP.fullmatch(text) if isinstance(text, str) else None
    return Stamp(match[1], match[2], int(match[3])) if match else None


def wrote(passage: str, source: Mapping[str, Any], fields: Fields) -> bool:
    """Whether Tandem wrote what is stored under an id: by its stamp, and by its document's id.

    source: holds at least the fields of the content hash and of the document's id.
    """
    document, content_hash = source.get(fields.document_id), source.get(fields.content_hash)
    if not isinstance(document, str) or not passage.startswith(document):
        return False
    if content_hash != FORGOTTEN and parse_stamp(content_hash) is None:
        return False
    return passage == document or bool(_POSITION.fullmatch(passage, len(document)))


# Among what flows: nothing more comes for now, so what waits for company goes on.
PAUSE: Any = object()


class PassageEncoder(Protocol):
    """The part of encoder.Encoder that an ingestion uses."""

    @property
    def name(self) -> str:
        """The model's canonical name."""

    @property
    def fingerprint(self) -> str:
        """Hexadecimal digest of everything that decides a vector."""

    @property
    def dim(self) -> int:
        """Length of one vector."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """The options of Encoder.load that change vectors."""

    @property
    def max_length(self) -> int:
        """Most tokens of one passage, special tokens and prompt included."""

    @property
    def passage_room(self) -> int:
        """Most tokens of a passage's own text."""

    def stream_passages(
        self, texts: Iterable[str], stopping: Event | None = None
    ) -> Iterator[Vector]:
        """Unit vectors, float32 [dim] each, lazily and in the order of the texts.

        Once it is stopping, those that are there still come, with an empty one, float32 [0], for
        each text in between that has none.
        """

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """The characters that each token of the text alone stands for."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text as encoded, special tokens and prompt included, not truncated."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a document came from; line counts from 1, and is the row in a columnar file."""

    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Row:
    """One parsed row of a source; raw: as it stood, where JSON could not hold the value again.

    cells: the values are of a table, where everything is text.
    """

    origin: Origin
    value: dict[str, Any]
    raw: str | None = None
    cells: bool = False

    @property
    def source(self) -> dict[str, Any] | str:
        """What a reject shows of it: the parsed row, or its raw form."""
        return self.value if self.raw is None else self.raw


@dataclass(frozen=True, slots=True)
class Document:
    """One document: `before` + text + `after` is what a passage encodes.

    source: as it was read, parsed or raw; cells: its values are of a table, where all is text;
    vector: float32 [n] that came with it, or None.
    """

    number: int
    id: str
    text: str
    title: str | None
    metadata: Mapping[str, Any]
    before: str
    after: str
    origin: Origin
    source: dict[str, Any] | str
    cells: bool = False
    vector: Vector | None = None

    def rejected(self, reason: str) -> Reject:
        """The document as a reject."""
        return rejected(reason, self.origin, self.id, self.source)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of what is stored under an id: a change that names it is made to no other."""

    id: str
    seq_no: int
    primary_term: int
    routing: str | None

    def head(self) -> dict[str, Any]:
        """What names it in a bulk request."""
        known: dict[str, Any] = {
            "_id": self.id,
            "if_seq_no": self.seq_no,
            "if_primary_term": self.primary_term,
        }
        return known if self.routing is None else {**known, "routing": self.routing}


@dataclass(frozen=True, slots=True)
class Passage:
    """One passage: what is stored (body), what is encoded, and the stamp that tells them apart.

    id: the cluster's `_id`; position: from 0 within its document, of `count` passages; vector:
    float32 [dim] once there is one, int8 for a field of bytes; replaces: what it may be written
    over, None for nothing.
    """

    document: Document
    id: str
    position: int
    count: int
    encoded: str
    body: dict[str, Any]
    stamp: str
    vector: Numbers | None = None
    replaces: Version | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """One passage as two lines of a bulk request."""

    passage: Passage
    data: bytes


@dataclass(frozen=True, slots=True)
class Reject:
    """A refused document: why, where it came from, and itself: parsed, or raw where it was not.

    columns, separator and quote: of the table that a raw row is of.
    """

    reason: str
    origin: Origin
    id: str | None = None
    document: dict[str, Any] | None = None
    raw: str | None = None
    columns: tuple[str, ...] | None = None
    separator: str | None = None
    quote: str | None = None


def rejected(
    reason: str, origin: Origin, document_id: str | None, source: dict[str, Any] | str
) -> Reject:
    """A reject of a document as it was read, parsed or raw."""
    if isinstance(source, str):
        return Reject(reason, origin, document_id, raw=source)
    return Reject(reason, origin, document_id, source)
