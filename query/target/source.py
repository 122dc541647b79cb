"""The fields of a stored document that hits carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from mappings.existing import is_lost, source_field
from query.target.target import Target


@dataclass(frozen=True)
class Patterns:
    """Names of fields with * for any characters: those wanted, all where none is named, and not."""

    wanted: tuple[str, ...]
    unwanted: tuple[str, ...]

    @classmethod
    def of(cls, patterns: Sequence[str]) -> Patterns:
        """From "title", "meta.*" and, for what is left out, "-body"."""
        wanted = tuple(each for each in patterns if not each.startswith("-"))
        return cls(wanted, tuple(each[1:] for each in patterns if each.startswith("-")))

    def keep(self, source: Mapping[str, Any], path: str = "") -> dict[str, Any]:
        """What a document has of these fields, as the cluster's `_source` would filter it."""
        found = {}
        for name, value in source.items():
            dotted = path + name
            if _names(self.unwanted, dotted):
                continue
            if (inner := self._inside(value, f"{dotted}.")) is not None:
                if inner or (not value and self._wants(dotted)):
                    found[name] = inner
            elif self._wants(dotted):
                found[name] = value
        return found

    def _inside(self, value: Any, path: str) -> Any:
        """The same of an object or a list of objects, None for any other value."""
        if isinstance(value, Mapping):
            return self.keep(value, path)
        if isinstance(value, list) and value and all(isinstance(each, Mapping) for each in value):
            return [inner for each in value if (inner := self.keep(each, path))]
        return None

    def _wants(self, dotted: str) -> bool:
        return not self.wanted or _names(self.wanted, dotted)


def _names(patterns: Sequence[str], dotted: str) -> bool:
    """Whether a pattern names a field, or an object that it is in."""
    return any(fnmatchcase(dotted, each) or fnmatchcase(dotted, f"{each}.*") for each in patterns)


def with_shown_fields(target: Target, found: Mapping[str, Any]) -> Target:
    """The same target, with the fields in which hits show their text and title, or what hinders it.

    found: the answer to GET /NAME that it was made of.
    """
    mappings = {index: found[index].get("mappings") or {} for index in sorted(found)}
    first, fields = next(iter(mappings.values())), target.fields
    text, title = (source_field(name, first) for name in (fields.text, fields.title))
    target = replace(target, fields=replace(fields, text=text, title=title))
    lost = [index for index, mapping in mappings.items() if is_lost(mapping, text)]
    if not lost:
        return target
    said = (
        f"the _source of index {lost[0]!r} has no {text!r}, so its hits show no text: index its "
        "documents again where its _source has it."
    )
    off = any((each.get("_source") or {}).get("enabled") is False for each in mappings.values())
    return replace(target, notes=(*target.notes, said), sourceless=off)
