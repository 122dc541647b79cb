"""What of a row is its document's id, text and title, and why it has none."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ingest.errors import SourceError
from ingest.read.template import lookup
from ingest.read.values import ID_FIELDS, TEXT_FIELDS, TITLE_FIELDS, kind_of
from ingest.records import PASSAGE_ID, Document
from ingest.settings import Reading
from tandem.base.vectors import Vector

# The cluster's limit for an `_id`, less room for a passage's number.
LONGEST_ID = 500
# Where the id of a document stays whose `_id` is a hash of it.
ORIGINAL_ID = "original_id"
_OF_PASSAGES = re.compile(PASSAGE_ID)

# A value that was found, and the rest of the row.
Found = tuple[str, dict[str, Any]]


class BadDocumentError(Exception):
    """The row is no document; the message is the reason, for the rejects file."""


def without(value: dict[str, Any], path: str) -> dict[str, Any]:
    """A copy without the value at a dotted path; nothing happens where there is none."""
    if path in value:
        return {key: each for key, each in value.items() if key != path}
    head, dot, rest = path.partition(".")
    if dot and isinstance(value.get(head), dict):
        return {**value, head: without(value[head], rest)}
    return value


class Finder:
    """Finds id, text and title by the names of a Reading, else by the usual ones.

    Raises BadDocumentError where one is not what it must be.
    """

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self.ids = (reading.id_field,) if reading.id_field else ID_FIELDS
        self.titles = (reading.title_field,) if reading.title_field else TITLE_FIELDS

    def id(self, value: dict[str, Any]) -> Found:
        """The id, "" where it is to be made from the content, and the row without it."""
        path = next((p for p in self.ids if lookup(value, p) not in (None, "")), None)
        if path is None:
            if self._reading.id_from_content:
                return "", value
            raise BadDocumentError(
                f"no id (looked for {', '.join(self.ids)}); name it with `id_field`, or make ids "
                "from the text with `id_from_content`"
            )
        found, rest = lookup(value, path), without(value, path)
        if isinstance(found, float) and found.is_integer():
            raise BadDocumentError(
                f"the id is {found}, a whole number written as a fraction, as pandas writes a "
                "column that has gaps: write whole numbers or strings (df['id'].astype('Int64'))"
            )
        if isinstance(found, bool) or not isinstance(found, str | int):
            raise BadDocumentError(f"the id is {kind_of(found)} and must be a string or an integer")
        if self._reading.hash_long_ids and len(_encoded(str(found))) > LONGEST_ID:
            if ORIGINAL_ID in rest:
                raise BadDocumentError(
                    f"the id is to be kept as {ORIGINAL_ID!r}, and there is such a field: rename it"
                )
            return content_id(str(found)), {**rest, ORIGINAL_ID: found}
        return checked_id(str(found)), rest

    def text(self, value: Mapping[str, Any], rest: dict[str, Any]) -> Found:
        """The text, "" where there is none, and the rest without it."""
        paths = self._reading.text_fields
        if not paths:
            paths = tuple(p for p in TEXT_FIELDS if value.get(p) is not None)[:1]
        texts = []
        for path in paths:
            if (found := lookup(value, path)) is not None:
                texts.append(_text_of(path, found))
                rest = without(rest, path)
        text = "\n".join(texts)
        if not text.strip():
            return "", rest
        self._check(text)
        return text, rest

    def _check(self, text: str) -> None:
        if "\0" in text:
            raise BadDocumentError("the text holds a NUL character")
        size = len(text) if text.isascii() else len(_encoded(text))
        if size > self._reading.max_bytes:
            raise BadDocumentError(
                f"the text has {size:,} bytes and at most {self._reading.max_bytes:,} are taken "
                "(`Reading.max_bytes`)"
            )

    def why_no_text(self, value: Mapping[str, Any]) -> str:
        """What is wrong with a row in which no text was found, and no title to do without."""
        paths = self._reading.text_fields or TEXT_FIELDS
        found = [each for path in paths if (each := lookup(value, path)) is not None]
        if not found:
            return f"no text (looked for {', '.join(paths)}); name it with `text_fields`"
        return "the text is only white space" if any(found) else "the text is empty"

    def title(self, value: Mapping[str, Any], rest: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """The title, "" where there is none, and the rest without it."""
        path = next((p for p in self.titles if lookup(value, p) is not None), None)
        if path is None:
            return "", rest
        title = lookup(value, path)
        if isinstance(title, int | float) and not isinstance(title, bool):
            title = str(title)
        if not isinstance(title, str):
            raise BadDocumentError(f"{path} is {kind_of(title)} and must be a string or a number")
        _encoded(title)
        return title.strip(), without(rest, path)

    def vector(
        self, value: Mapping[str, Any], rest: dict[str, Any]
    ) -> tuple[Vector | None, dict[str, Any]]:
        """The vector that comes with the row, None where none is to, and the rest without it."""
        path = self._reading.vector_from
        if path is None:
            return None, rest
        if (found := lookup(value, path)) is None:
            raise BadDocumentError(f"no vector (looked for {path}, of `vector_from`)")
        return _vector_of(path, found), without(rest, path)


def _vector_of(path: str, found: Any) -> Vector:
    """A list of numbers, or the same as text, as tables have it: [0.1, 0.2] or [0.1 0.2]."""
    if isinstance(found, str):
        found = found.strip("[] \n").replace(",", " ").split()
    try:
        with np.errstate(over="ignore"):  # told as infinite
            vector = np.asarray(found, dtype=np.float32)
    except (ValueError, TypeError, OverflowError):
        vector = np.empty(0, np.float32)
    if not isinstance(found, list | tuple) or vector.ndim != 1 or not vector.size:
        raise BadDocumentError(f"{path} is no vector, which is a list of numbers")
    return vector


def _text_of(path: str, found: Any) -> str:
    """A text, or its sentences, which are put on a line each."""
    if isinstance(found, str):
        return found
    if not isinstance(found, list | tuple):
        raise BadDocumentError(
            f"{path} is {kind_of(found)} and must be a string or a list of strings"
        )
    for number, sentence in enumerate(found):
        if not isinstance(sentence, str | None):
            raise BadDocumentError(
                f"{path}[{number}] is {kind_of(sentence)} and must be a string, as of a list of "
                "sentences"
            )
    return "\n".join(filter(None, found))


def check_texts(documents: Sequence[Document], reading: Reading) -> None:
    """Raise SourceError where the first documents of a source have titles and their text elsewhere.

    One without a text is a document by its title; all without one are mostly a name that is wrong.
    """
    if not documents or any(each.text for each in documents):
        return
    sizes: Counter[str] = Counter()
    for each in documents:
        sizes.update(
            {n: len(v) for n, v in each.metadata.items() if isinstance(v, str) and " " in v}
        )
    name, size = max(sizes.items(), key=lambda item: item[1], default=("", 0))
    if reading.text_fields or size > sum(len(str(each.title)) for each in documents):
        looked = ", ".join(reading.text_fields or TEXT_FIELDS)
        maybe = f", maybe {name!r}" if name else ""
        raise SourceError(
            f"none of the first {len(documents):,} documents has a text (looked for {looked}), but "
            f"a title: name the text's field with `text_fields`{maybe}; that of the title, where "
            "there is no other text."
        )


def content_id(content: str) -> str:
    """An id of 32 characters for a document that has none, or too long a one."""
    return hashlib.blake2b(_encoded(content), digest_size=16).hexdigest()


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise BadDocumentError(f"lone surrogate at character {error.start}") from error


def checked_id(document_id: str) -> str:
    """The id, if the cluster can hold it and no passage of another document can have it.

    Raises BadDocumentError.
    """
    size = len(_encoded(document_id))
    if size > LONGEST_ID:
        raise BadDocumentError(
            f"the id has {size} bytes and at most {LONGEST_ID} are taken: let such ids be hashed "
            "with `hash_long_ids`"
        )
    if "\0" in document_id:
        raise BadDocumentError("the id holds a NUL character")
    if _OF_PASSAGES.search(document_id):
        raise BadDocumentError("the id ends in ## and a number, as only passages' ids do")
    return document_id
