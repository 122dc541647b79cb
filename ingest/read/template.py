"""What of a document is encoded: a template of literal text and of fields by dotted paths."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ingest.errors import IngestError

TEXT = "text"
_PART = re.compile(r"\{\{|\}\}|\{(?P<name>[^{}]*)\}|[{}]")
# A document may lack a field that others have; of so many, one has it unless its name is wrong.
FIRST_DOCUMENTS = 100


class Template:
    """Literal text and fields around {text}, once; {{ and }} are braces.

    Raises IngestError for anything else, naming the character where it stands.
    """

    def __init__(self, template: str) -> None:
        parts = list(_parts(template))
        names = [name for _, name in parts if name is not None]
        if names.count(TEXT) != 1:
            raise IngestError(
                f"the template {template!r} has {{text}} {names.count(TEXT)} times and must "
                "have it once, such as '{title}\\n{text}'."
            )
        self.names = frozenset(names) - {TEXT}
        at = [name for _, name in parts].index(TEXT)
        # The text's own literal stands before it.
        self._before = [*parts[:at], (parts[at][0], None)]
        self._after = parts[at + 1 :]

    def around(self, value: Mapping[str, Any]) -> tuple[str, str]:
        """What comes before and after the text, with a row's fields filled in; missing is empty."""
        before = "".join(text + self._shown(value, name) for text, name in self._before)
        after = "".join(text + self._shown(value, name) for text, name in self._after)
        return before.lstrip(), after.rstrip()

    @staticmethod
    def _shown(value: Mapping[str, Any], name: str | None) -> str:
        found = lookup(value, name) if name else None
        if found is None:
            return ""
        return ", ".join(map(str, found)) if isinstance(found, list) else str(found)


def _parts(template: str) -> Iterator[tuple[str, str | None]]:
    """(literal text, the field after it); the last one has no field."""
    literal, at = "", 0
    for match in _PART.finditer(template):
        literal += template[at : match.start()]
        at = match.end()
        name = match["name"]
        if match[0] in ("{{", "}}"):
            literal += match[0][0]
            continue
        if not name or re.search(r"[!:]", name):
            raise IngestError(
                f"the template {template!r} has {match[0]!r} at character {match.start() + 1}: "
                + _cure(match[0], name)
            )
        yield literal, name
        literal = ""
    yield literal + template[at:], None


def _cure(found: str, name: str | None) -> str:
    if name is None:
        return f"name a field in braces, such as {{title}}, or write {found * 2} for a brace."
    field = re.split(r"[!:]", name)[0]
    return f"name a field and nothing else in braces, such as {{{field or 'title'}}}."


class Unfilled:
    """Fields of a template that no document had so far; by it a misspelt one is told."""

    def __init__(self, template: Template) -> None:
        self._names = template.names
        self._known: set[str] = set()
        self._documents = 0

    def see(self, value: Mapping[str, Any]) -> None:
        """Look at one document."""
        self._documents += 1
        if self._names:
            # A new set, for another thread may read the old one.
            self._names = frozenset(n for n in self._names if lookup(value, n) is None)
            if self._documents <= FIRST_DOCUMENTS:
                self._known |= value.keys()

    def warnings(self, *, ended: bool) -> tuple[str, ...]:
        """One sentence for each, once the first documents are seen or there are no more."""
        if not self._documents or not (ended or self._documents >= FIRST_DOCUMENTS):
            return ()
        return tuple(self._sentence(name) for name in sorted(self._names))

    def _sentence(self, name: str) -> str:
        first = f"none of the first {FIRST_DOCUMENTS} documents has"
        close = difflib.get_close_matches(name, sorted(self._known), n=1)
        hint = f" (did you mean {{{close[0]}}}?)" if close else ""
        return (
            f"{first if self._documents >= FIRST_DOCUMENTS else 'no document has'} the field "
            f"{name!r} that the template names{hint}: nothing stands in its place."
        )


def lookup(value: Any, path: str) -> Any:
    """The value at a dotted path, or None; a key that itself holds the dots comes first."""
    # A dict is told at once; what is another mapping takes longer to ask.
    if isinstance(value, (dict, Mapping)):
        if path in value:
            return value[path]
        head, dot, rest = path.partition(".")
        if dot and head in value:
            return lookup(value[head], rest)
    return None
