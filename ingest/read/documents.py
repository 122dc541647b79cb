"""Rows become documents: find id, text and title, and refuse what cannot be one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

from ingest.read.fields import BadDocumentError, Finder, content_id, without
from ingest.read.rejects import unwrap
from ingest.read.template import FIRST_DOCUMENTS, Template, Unfilled, lookup
from ingest.read.values import fault_of
from ingest.records import Document, Reject, Row, rejected
from ingest.settings import Reading
from mappings import Fields

_PATTERN_MARKS = frozenset("*?[")
# A whole number as a fraction.
_FRACTION = re.compile(r"\d+\.0")


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
        self._finder = Finder(reading)
        self._special = self._taken.union(self._finder.ids)
        self._template = Template(reading.template) if reading.template else None
        self._unfilled = Unfilled(self._template) if self._template else None
        dropped = reading.drop_fields
        self._patterns = [name for name in dropped if _PATTERN_MARKS.intersection(name)]
        self._dropped = [name for name in dropped if name not in self._patterns]
        # A title that is a part of the text is not encoded twice.
        self._apart = not set(self._finder.titles) & set(reading.text_fields)
        self._first_ids: list[str] = []
        self._ended = False

    @property
    def template(self) -> str:
        """What is encoded of each document, with the names of its own fields."""
        texts = "\n".join(f"{{{path}}}" for path in self._reading.text_fields) or "{text}"
        if self._reading.template:
            return self._reading.template.replace("{text}", texts)
        return f"{{{self._finder.titles[0]}}}\n{texts}"

    def make(self, rows: Iterator[Row | Reject]) -> Iterator[Document | Reject]:
        """Documents and rejects, numbered from 0, in the order of the rows."""
        for number, found in enumerate(rows):
            row = unwrap(found) if isinstance(found, Row) else found
            if isinstance(row, Reject):
                yield row
                continue
            try:
                document = self._document(number, row)
            except BadDocumentError as error:
                yield rejected(str(error), row.origin, self._id_if_any(row.value), row.source)
                continue
            if len(self._first_ids) < FIRST_DOCUMENTS:
                self._first_ids.append(document.id)
            yield document
        self._ended = True

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is odd about the first documents, once they are known; all threads may ask."""
        unfilled = self._unfilled.warnings(ended=self._ended) if self._unfilled else ()
        first = list(self._first_ids)
        known = first and (self._ended or len(first) == FIRST_DOCUMENTS)
        if not known or not all(map(_FRACTION.fullmatch, first)):
            return unfilled
        return (
            *unfilled,
            f"the ids are numbers such as {first[0]!r}, as pandas writes whole numbers of a column "
            "that has gaps, and stay so: write them as whole numbers if others know them as such.",
        )

    def _id_if_any(self, value: dict[str, Any]) -> str | None:
        try:
            return self._finder.id(value)[0] or None
        except BadDocumentError:
            return None

    def _document(self, number: int, row: Row) -> Document:
        value = self._renamed(row.value)
        document_id, rest = self._finder.id(value)
        text, rest = self._finder.text(value, rest)
        title, rest = self._finder.title(value, rest)
        vector, rest = self._finder.vector(value, rest)
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
        if not text:
            before, after = self._title_alone(value, title, before + after), ""
        return Document(
            number,
            document_id or content_id(text or title),
            text,
            title or None,
            rest,
            before,
            after,
            row.origin,
            row.source,
            row.cells,
            vector,
        )

    def _title_alone(self, value: dict[str, Any], title: str, around: str) -> str:
        """What is encoded without a text; raises BadDocumentError where that is nothing."""
        names = self._template.names if self._template else None
        why = self._finder.why_no_text(value)
        if not title:
            raise BadDocumentError(why)
        if names is not None and names.isdisjoint(self._finder.titles):
            raise BadDocumentError(f"{why}, and the template has no title to encode instead")
        return around.strip()

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

    def _around(self, value: dict[str, Any], title: str) -> tuple[str, str]:
        if self._template and self._unfilled:
            self._unfilled.see(value)
            return self._template.around(value)
        return (f"{title}\n" if title and self._apart else ""), ""
