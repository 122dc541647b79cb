"""The types of metadata, told cautiously by the first documents of a source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ingest.records import Document
from mappings.types import (
    DATE,
    DAY_FIRST,
    MONTH_FIRST,
    NUMBER,
    PLACE,
    UNINDEXED,
    WHOLE,
    WORD,
    is_place,
    vector_length,
)
from mappings.types import candidates as candidates_of

# In this order, where several are left; a date with slashes only where one reading is left.
_PREFERRED = ("boolean", NUMBER, WHOLE, DATE, "ip", PLACE)
_SLASHES = {DAY_FIRST, MONTH_FIRST}
# One text among so many numbers of JSON's is wrong; more of them are words.
_TYPED_OF_A_TEXT = 100


@dataclass
class _Seen:
    """What the values of one field have in common."""

    left: frozenset[str] | None = None
    lengths: set[int] = field(default_factory=set)
    objects: bool = False
    # Of JSON's own numbers and booleans alone, which are not text by mistake.
    typed_left: frozenset[str] | None = None
    typed: int = 0
    texts: int = 0

    def see(self, value: Any, *, cell: bool) -> None:
        if (length := vector_length(value)) is not None:
            self.lengths.add(length)
            return
        if value is None or value == "" or value == []:
            return
        self.lengths.add(0)
        for each in value if isinstance(value, list | tuple) else (value,):
            if each is None or each == "":
                continue
            found = candidates_of(each, cell=cell)
            self.objects = self.objects or (isinstance(each, Mapping) and not found)
            self.left = found if self.left is None else self.left & found
            if isinstance(each, str):
                self.texts += 1
            else:
                self.typed += 1
                self.typed_left = found & (self.typed_left or found)

    @property
    def type(self) -> str | None:
        """The type, or None where there is nothing to tell it by, or objects beside values."""
        if len(self.lengths) == 1 and 0 not in self.lengths:
            return UNINDEXED
        if self.left is None or self.objects or len(self.lengths) > 1:
            return None
        few = self.typed_left and self.texts * _TYPED_OF_A_TEXT < self.typed
        left = (self.typed_left if few else self.left) or frozenset()
        slashes = left & _SLASHES
        if len(slashes) == 1:
            return next(iter(slashes))
        named = (each for each in _PREFERRED if each in left)
        return next(named, WORD if WORD in left else None)

    @property
    def is_ambiguous(self) -> bool:
        """Whether these are dates of which nobody knows which number is the month."""
        return bool(self.left and self.left >= _SLASHES)


@dataclass(frozen=True)
class Inferred:
    """types: dotted name -> type; ambiguous: dates of which nobody knows which is the month."""

    types: Mapping[str, str]
    ambiguous: tuple[str, ...]


def infer_types(documents: Iterable[Document], set_types: Mapping[str, str]) -> Inferred:
    """The types of the documents' metadata, those that are set included.

    Cautious: a code such as 00123 is a word, and so is all of a field in which one value is.
    """
    seen: dict[str, _Seen] = {}
    for document in documents:
        for name, value in leaves(document.metadata, set_types):
            seen.setdefault(name, _Seen()).see(value, cell=document.cells)
            for path, vector in _vectors_within(value, name):
                seen.setdefault(path, _Seen()).see(vector, cell=False)
    types = {name: kind for name, each in seen.items() if (kind := each.type)}
    # A number of four parts is as often a version as an address.
    types |= {n: WORD for n, kind in types.items() if kind == "ip" and "version" in n.lower()}
    ambiguous = tuple(name for name, each in seen.items() if each.is_ambiguous)
    types |= set_types
    above = {name.rpartition(".")[0] for name in types}
    clear = {n: k for n, k in types.items() if n in set_types or n not in above}
    return Inferred(clear, tuple(name for name in ambiguous if name not in set_types))


def _vectors_within(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """(dotted name, vector) of what the objects of a list hold."""
    if isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
        for each in value:
            yield from _vectors_within(each, path)
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _vectors_within(each, f"{path}.{name}")
    elif "." in path and vector_length(value) is not None:
        yield path, value


def leaves(
    metadata: Mapping[str, Any], set_types: Mapping[str, str], prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    """(dotted name, value) of every field that is not an object of further fields."""
    for name, value in metadata.items():
        path = prefix + name
        inner = value if isinstance(value, Mapping) else None
        if inner is None or path in set_types or is_place(value) or not inner:
            yield path, value
        else:
            yield from leaves(inner, set_types, f"{path}.")
