"""Passages become documents: the best passage of each, and how many others were found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Group(Generic[T]):
    """The best passage of a document; others: further passages found, None where not counted."""

    best: T
    others: int | None


def collapsed(found: Iterable[T], document_of: Callable[[T], str]) -> list[Group[T]]:
    """The first passage of each document, in the order of the passages; no passages give none."""
    best: dict[str, T] = {}
    count: dict[str, int] = {}
    for each in found:
        document = document_of(each)
        best.setdefault(document, each)
        count[document] = count.get(document, 0) + 1
    return [Group(each, count[document] - 1) for document, each in best.items()]
