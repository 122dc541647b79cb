"""Which fields of an index that Tandem did not make hold its text, its titles and its ids."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mappings.errors import MappingError
from mappings.record import Fields
from tandem.base.arguments import checked_arguments

# What people call the field of a text, and of a title; of several that are there, the sample tells.
TEXT_NAMES = (
    *("text", "body", "content", "contents", "passage_text", "passage", "page_content"),
    *("abstract", "description", "chunk"),
)
TITLE_NAMES = ("title", "headline", "subject", "heading", "name")
# Text by its type, and an identifier or a framework's own by its name: words are not looked for in
# it unless asked.
_IDENTIFIER = re.compile(
    r"(.*\.)?_.*|(.*[._-])?(id|uuid|guid|url|uri|slug|sku|hash|path|filename)", re.I
)
# Of the longest field, a field with a usual name has at least this share of characters.
USUAL_SHARE = 0.5
SAMPLE = 20
# Types whose words can be searched.
_WORDS = ("text", "match_only_text", "search_as_you_type")


@checked_arguments(MappingError)
@dataclass(frozen=True)
class Roles:
    """What a user says of an index's fields; None leaves it to the index."""

    text: str | None = None
    title: str | None = None
    document_id: str | None = None

    @property
    def given(self) -> dict[str, str]:
        """The fields that were named, by role."""
        named = {"text": self.text, "title": self.title, "document_id": self.document_id}
        return {role: name for role, name in named.items() if name is not None}


@dataclass(frozen=True)
class Assignment:
    """The fields by role, those whose words are searched, and how that was found, for a reader."""

    fields: Fields
    searched: tuple[str, ...]
    notes: tuple[str, ...]


def full_text(types: Mapping[str, str], nested: Sequence[str]) -> list[str]:
    """Fields whose words can be searched, without what is another view of one (a multi-field).

    types: dotted name -> type; nested: those that are inside nested objects.
    """
    found = [name for name, kind in types.items() if kind in _WORDS and name not in nested]
    return [name for name in found if types.get(name.rpartition(".")[0]) not in _WORDS]


def fault_of_roles(index: str, types: Mapping[str, str], roles: Roles) -> str | None:
    """The sentence for a field that the index lacks, with the near names; None without one."""
    for role, name in roles.given.items():
        if name not in types:
            near = difflib.get_close_matches(name, types, n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else "look at its mapping."
            return f"index {index!r} has no field {name!r} for `{role}_field`: {hint}"
    return None


def assigned(
    index: str, full: Sequence[str], roles: Roles, sample: Sequence[Mapping[str, Any]]
) -> Assignment:
    """Give each role a field: as the user says, else by names and by what the sample holds.

    full: of `full_text`; sample: sources of some documents, none where they may not be read. The
    text is the field with a usual name, unless another one is more than twice as long.
    """
    words = [name for name in full if not _IDENTIFIER.fullmatch(name)] or list(full)
    text = roles.text or _text_of(words, sample)
    titles = [name for name in _usual(words, TITLE_NAMES) if name != text]
    title = roles.title or next(iter(titles), None)
    fields = Fields()
    fields = replace(
        fields,
        text=text or fields.text,
        title=title or fields.title,
        document_id=roles.document_id or fields.document_id,
    )
    searched = tuple(dict.fromkeys(name for name in (text, title, *words) if name))
    if not text or (roles.text and (roles.title or not title)):
        return Assignment(fields, searched, ())
    also = f" and its titles from {title!r}" if title else ""
    note = (
        f"index {index!r} has no record of Tandem's: its text is taken from {text!r}{also}; say "
        "otherwise with `text_field` and `title_field`."
    )
    return Assignment(fields, searched, (note,))


def _usual(names: Sequence[str], usual: Sequence[str]) -> list[str]:
    """Those with a usual name, in the order in which such names are usual."""
    ends = {name: name.rpartition(".")[2].lower() for name in names}
    return sorted((n for n in names if ends[n] in usual), key=lambda n: usual.index(ends[n]))


def _text_of(names: Sequence[str], sample: Sequence[Mapping[str, Any]]) -> str | None:
    if not names:
        return None
    length = {name: sum(_characters(source, name) for source in sample) for name in names}
    longest = max(names, key=lambda name: length[name])
    enough = USUAL_SHARE * length[longest]
    usual = [name for name in _usual(names, TEXT_NAMES) if length[name] >= enough]
    return next(iter(usual), longest)


def _characters(source: Mapping[str, Any], name: str) -> int:
    return sum(len(value) for value in values_at(source, name.split(".")) if isinstance(value, str))


def values_at(source: Any, path: Sequence[str]) -> Iterator[Any]:
    """All values at a dotted path, through lists and objects, and through names with dots."""
    if len(path) == 1 and type(source) is dict and type(value := source.get(path[0])) is str:
        yield value  # as nearly all of a hit's are, of which there are many
    elif isinstance(source, list):
        for each in source:
            yield from values_at(each, path)
    elif not path:
        yield source
    elif isinstance(source, Mapping):
        for count in range(1, len(path) + 1):
            name = ".".join(path[:count])
            if name in source:
                yield from values_at(source[name], path[count:])
