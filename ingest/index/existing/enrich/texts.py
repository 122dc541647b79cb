"""Documents become the texts to encode, and their vectors updates, sent in groups as they come."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ingest.index.existing.enrich.guarded import Update
from ingest.index.existing.enrich.walk import StoredDocument
from ingest.index.existing.sample import row_of
from ingest.passages.split import Splitter
from ingest.read.template import Template
from ingest.records import Document, Origin, PassageEncoder, stamp
from ingest.settings import Splitting
from ingest.write.bulk import LONGEST_WAIT, Budget
from mappings import IndexRecord
from tandem.base.vectors import Vector, VectorFault, as_vector, stored_as

_USUAL = "{title}\n{text}"


@dataclass
class Item:
    """A document as it was, and what is encoded of it: as a whole, and as passages.

    mark: by which the whole is known again; "", and nothing encoded, where it has no text.
    """

    found: StoredDocument
    document: Document | None = None
    mark: str = ""
    passages: Sequence[str] = ()


class Texts:
    """Reads documents for one encoder.

    nested: where the passages' vectors go, one nested object each; None for the first passage's
    alone. on_truncated: called with how many texts are longer than the model reads; element: the
    numbers that the field of vectors holds.
    """

    def __init__(
        self,
        encoder: PassageEncoder,
        record: IndexRecord,
        nested: str | None,
        on_truncated: Callable[[int], None],
        element: str = "float",
    ) -> None:
        self._element = element
        self._encoder, self._fields, self._nested = encoder, record.fields, nested
        self._template = Template(record.template or _USUAL)
        splitting = Splitting(split=nested is not None)
        self._splitter = Splitter(encoder, splitting, record.fields, on_truncated)

    @property
    def read(self) -> list[str]:
        """The fields of a source that are needed."""
        fields = self._fields
        names = {fields.text, fields.title, fields.content_hash, fields.document_id}
        return sorted(names | {n.split(".")[0] for n in self._template.names - {"title"}})

    def item(self, found: StoredDocument) -> Item:
        """A document as an item, not in passages yet."""
        row = row_of(found.source, self._fields)
        if not row.get("text"):
            return Item(found)
        before, after = map(_encodable, self._template.around(row))
        text, origin = _encodable(row["text"]), Origin("", 0)
        whole = before + text + after
        mark = stamp(self._encoder.fingerprint, whole, {}, 1).partition(":")[0]
        document = Document(0, found.version.id, text, None, {}, before, after, origin, {})
        return Item(found, document, mark)

    def split(self, items: Sequence[Item]) -> None:
        """Give items that have a text their passages."""
        having = [item for item in items if item.document]
        documents = iter([item.document for item in having if item.document])
        for item, passages in zip(having, self._splitter.split(documents), strict=True):
            item.passages = [each.encoded for each in passages]

    def values(self, item: Item, vectors: Sequence[Vector]) -> dict[str, Any]:
        """What an item's document holds from now on; without vectors, the fields are emptied."""
        fields = self._fields
        numbers = [stored_as(self._element, vector) for vector in vectors]
        stored: Any = numbers[0] if numbers else None
        name = fields.vector
        if self._nested is not None:
            name, leaf = self._nested, fields.vector.removeprefix(f"{self._nested}.")
            stored = [{leaf: vector} for vector in numbers] or None
        return {name: stored, fields.content_hash: item.mark if vectors else None}


def _encodable(text: str) -> str:
    """Without lone surrogates, which JSON can hold and no model reads."""
    return text.encode(errors="replace").decode()


@dataclass(frozen=True)
class Stream:
    """One way from items to the cluster.

    make: the update of an item with the vectors of its passages, of none where it has no text;
    send: sends updates, and bare those of items without a text, from the thread that reads; refuse:
    an item one of whose vectors the cluster would refuse, with the reason.
    """

    encoder: PassageEncoder
    texts: Texts
    budget: Budget
    most: int
    make: Callable[[Item, Sequence[Vector]], Update]
    send: Callable[[list[Update]], None]
    bare: Callable[[list[Update]], None]
    refuse: Callable[[Item, str], None]

    def run(self, pages: Iterable[list[Item]]) -> None:
        """Encode and send all of these."""
        waiting: deque[Item] = deque()
        vectors = self.encoder.stream_passages(self._read(pages, waiting))
        group: list[Update] = []
        size, began = 0, time.monotonic()
        for item, found in self._gathered(vectors, waiting):
            checked = [as_vector(vector, self.encoder.dim) for vector in found]
            sound = [vector for vector in checked if not isinstance(vector, VectorFault)]
            if fault := next((v for v in checked if isinstance(v, VectorFault)), None):
                self.refuse(item, f"the vector {fault.told}")
                continue
            group.append(self.make(item, sound))
            size += len(group[-1].data)
            late = time.monotonic() - began > LONGEST_WAIT
            if late or len(group) >= self.most or size >= self.budget.bytes:
                self.send(group)
                group, size, began = [], 0, time.monotonic()
        self.send(group)

    def _read(self, pages: Iterable[list[Item]], waiting: deque[Item]) -> Iterator[str]:
        """The texts to encode; the encoder reads ahead: what is waiting is what it has read."""
        for items in pages:
            self.bare([self.make(item, ()) for item in items if not item.document])
            self.texts.split(items)
            for item in items:
                if item.document:
                    waiting.append(item)
                    yield from item.passages

    @staticmethod
    def _gathered(
        vectors: Iterator[Vector], waiting: deque[Item]
    ) -> Iterator[tuple[Item, list[Vector]]]:
        """Each item with the vectors of its passages."""
        found: list[Vector] = []
        for vector in vectors:
            found.append(vector)
            if len(found) == len(waiting[0].passages):
                yield waiting.popleft(), found
                found = []
