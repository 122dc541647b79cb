"""Ids and stamps: what makes a second run skip what is stored, and never skip what changed.

The `_id` of a document's first passage is the document's own id, and of passage n it is `ID##n`. So
an unsplit document is stored under its id, and one that grows from one passage to many and back
overwrites its first passage instead of leaving it behind.

The content hash is a stamp of three parts, `ENCODED:REST:COUNT`. ENCODED is over the encoded text
and the encoder's fingerprint: where it agrees, the stored vector is still right. REST is over
everything else that is stored, so that an edit of metadata alone is written too, with the vector
that is already there. COUNT is the number of passages, by which left-overs of a document that
shrank are found without a search. One field carries all three, so one look-up tells all.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import orjson

PASSAGE_ID = r"##\d+$"
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


def parse_stamp(text: str | None) -> Stamp | None:
    """The parts of a stored content hash, or None where it is not one of ours."""
    parts = (text or "").split(":")
    if len(parts) != 3 or not parts[2].isdigit():
        return None
    return Stamp(parts[0], parts[1], int(parts[2]))
