"""Rows become documents: find id, text and title, and refuse what cannot be one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

from ingest.read.rejects import unwrap
from ingest.read.template import Template, Unfilled, lookup
from ingest.read.values import ID_FIELDS, TEXT_FIELDS, TITLE_FIELDS, fault_of, kind_of
from ingest.records import PASSAGE_ID, Document, Reject, Row, rejected
from ingest.settings import Reading
from mappings import Fields

# The cluster's limit for an `_id`, less room for a passage's number.
LONGEST_ID = 500
_PATTERN_MARKS = frozenset("*?[")
_OF_PASSAGES = re.compile(PASSAGE_ID)


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


def without_matching(
    value: dict[str, Any], patterns: Sequence[str], prefix: str = ""
) -> dict[str, Any]:
    """A copy without the fields, at any depth, whose dotted paths match a pattern of a shell."""
    return {
        key: without_matching(each, patterns, f"{prefix}{key}.") if isinstance(each, dict) else each
        for key, each in value.items()
        if not any(fnmatchcase(prefix + key, pattern) for pattern in patterns)
    }


class DocumentMaker:
    """Turns rows into documents by the settings of a Reading; `fields` are Tandem's own names."""

    def __init__(self, reading: Reading, fields: Fields) -> None:
        self._reading = reading
        self._taken = frozenset(fields.names())
        self._ids = (reading.id_field,) if reading.id_field else ID_FIELDS
        self._special = self._taken.union(self._ids)
        self._titles = (reading.title_field,) if reading.title_field else TITLE_FIELDS
        self._template = Template(reading.template) if reading.template else None
        self._unfilled = Unfilled(self._template) if self._template else None
        dropped = reading.drop_fields
        self._patterns = [name for name in dropped if _PATTERN_MARKS.intersection(name)]
        self._dropped = [name for name in dropped if name not in self._patterns]
        self._ended = False

    @property
    def template(self) -> str:
        """What is encoded of each document, with the names of its own fields."""
        texts = "\n".join(f"{{{path}}}" for path in self._reading.text_fields) or "{text}"
        if self._reading.template:
            return self._reading.template.replace("{text}", texts)
        return f"{{{self._titles[0]}}}\n{texts}"

    def make(self, rows: Iterator[Row | Reject]) -> Iterator[Document | Reject]:
        """Documents and rejects, numbered from 0, in the order of the rows."""
        for number, found in enumerate(rows):
            row = unwrap(found) if isinstance(found, Row) else found
            if isinstance(row, Reject):
                yield row
                continue
            try:
                yield self._document(number, row)
            except BadDocumentError as error:
                yield rejected(str(error), row.origin, self._id_if_any(row.value), row.source)
        self._ended = True

    @property
    def warnings(self) -> tuple[str, ...]:
        """Fields of the template that none of the first documents had; all threads may ask."""
        return self._unfilled.warnings(ended=self._ended) if self._unfilled else ()

    def _id_if_any(self, value: dict[str, Any]) -> str | None:
        try:
            return self._id(value)[0] or None
        except BadDocumentError:
            return None

    def _document(self, number: int, row: Row) -> Document:
        value = self._renamed(row.value)
        document_id, rest = self._id(value)
        text, rest = self._text(value, rest)
        title, rest = self._title(value, rest)
        for field in self._dropped:
            rest = without(rest, field)
        if self._patterns:
            rest = without_matching(rest, self._patterns)
        if named := self._special & rest.keys():
            rest = self._without_nulls(rest, named)
        if "" in rest:
            raise BadDocumentError(
                "a field has no name, which the cluster does not take: give it one, or leave it "
                "out with `drop_fields=['']`"
            )
        if row.raw is not None and (fault := fault_of(rest)):
            raise BadDocumentError(fault)
        before, after = self._around(value, title)
        document_id = document_id or content_id(text)
        return Document(
            number, document_id, text, title, rest, before, after, row.origin, row.source, row.cells
        )

    def _renamed(self, value: dict[str, Any]) -> dict[str, Any]:
        for old, new in self._reading.rename_fields:
            if (found := lookup(value, old)) is None:
                continue
            if lookup(value, new) is not None:
                raise BadDocumentError(
                    f"the field {old!r} cannot be renamed to {new!r}, which is there too: leave "
                    f"one of them out with `drop_fields`, or give another name"
                )
            value = {**without(value, old), new: found}
        return value

    def _without_nulls(self, rest: dict[str, Any], named: frozenset[str]) -> dict[str, Any]:
        """What is carried along, where it has names of Tandem's or of ids: null means absent."""
        null = {name for name in named if rest[name] is None}
        if clash := self._taken & named - null:
            raise BadDocumentError(
                f"the field {min(clash)!r} has a name that Tandem writes itself: rename it, or "
                f"leave it out with `drop_fields={[min(clash)]}`"
            )
        return {name: value for name, value in rest.items() if name not in null}

    def _around(self, value: dict[str, Any], title: str | None) -> tuple[str, str]:
        if self._template and self._unfilled:
            self._unfilled.see(value)
            return self._template.around(value)
        return (f"{title}\n" if title else ""), ""

    def _id(self, value: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        path = next((p for p in self._ids if lookup(value, p) not in (None, "")), None)
        if path is None:
            if self._reading.id_from_content:
                return "", value
            raise BadDocumentError(
                f"no id (looked for {', '.join(self._ids)}); name it with `id_field`, or make ids "
                "from the text with `id_from_content`"
            )
        found = lookup(value, path)
        if isinstance(found, bool) or not isinstance(found, str | int):
            raise BadDocumentError(f"the id is {kind_of(found)} and must be a string or an integer")
        return checked_id(str(found)), without(value, path)

    def _text(self, value: dict[str, Any], rest: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        paths = self._reading.text_fields
        if not paths:
            paths = tuple(p for p in TEXT_FIELDS if value.get(p) is not None)[:1]
        found = [(path, lookup(value, path)) for path in paths]
        present = [(path, text) for path, text in found if text is not None]
        if not present:
            looked = ", ".join(self._reading.text_fields or TEXT_FIELDS)
            raise BadDocumentError(f"no text (looked for {looked}); name it with `text_fields`")
        for path, text in present:
            if not isinstance(text, str):
                raise BadDocumentError(f"{path} is {kind_of(text)} and must be a string")
            rest = without(rest, path)
        joined = "\n".join(text for _, text in present)
        self._check_text(joined)
        return joined, rest

    def _check_text(self, text: str) -> None:
        if not text:
            raise BadDocumentError("the text is empty")
        if not text.strip():
            raise BadDocumentError("the text is only white space")
        if "\0" in text:
            raise BadDocumentError("the text holds a NUL character")
        size = len(text) if text.isascii() else len(_encoded(text))
        if size > self._reading.max_bytes:
            raise BadDocumentError(
                f"the text has {size:,} bytes and at most {self._reading.max_bytes:,} are taken "
                "(`Reading.max_bytes`)"
            )

    def _title(
        self, value: dict[str, Any], rest: dict[str, Any]
    ) -> tuple[str | None, dict[str, Any]]:
        path = next((p for p in self._titles if lookup(value, p) is not None), None)
        if path is None:
            return None, rest
        title = lookup(value, path)
        if not isinstance(title, str):
            raise BadDocumentError(f"{path} is {kind_of(title)} and must be a string")
        _encoded(title)
        return title.strip() or None, without(rest, path)


def content_id(text: str) -> str:
    """The id of a document that has none, under `id_from_content`."""
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


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
        raise BadDocumentError(f"the id has {size} bytes and at most {LONGEST_ID} are taken")
    if "\0" in document_id:
        raise BadDocumentError("the id holds a NUL character")
    if _OF_PASSAGES.search(document_id):
        raise BadDocumentError("the id ends in ## and a number, as only passages' ids do")
    return document_id
