"""Whether a document's metadata fits the types of the index it goes into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ingest.read.fields import without
from ingest.read.template import lookup
from ingest.records import Document, Reject
from mappings.types import WORD, check_of

# What a value that does not fit is kept as, beside its field.
MISFIT = "_misfit"


class Fitter:
    """Refuses documents whose values do not fit; keep: the values go beside their fields instead.

    types: dotted name -> type, as of mappings.types.
    """

    def __init__(self, types: Mapping[str, str], *, keep: bool = False) -> None:
        self._tests = [(name, kind, t) for name, kind in types.items() if (t := check_of(kind))]
        self._keep = keep

    def fit(self, document: Document) -> Document | Reject:
        """The document as the index takes it, or the reject that names value and type.

        An empty text is no number and no date, but absent.
        """
        changed: dict[str, Any] | None = None
        for name, kind, fits in self._tests:
            value = document.metadata.get(name) if "." not in name else None
            if value is None and (value := lookup(document.metadata, name)) is None:
                continue
            if fits(value):
                continue
            fitting = self._fitting(value, kind, document.cells)
            wrong = [v for v in _each(fitting) if v is not None and not fits(v)]
            if wrong and not self._keep:
                return document.rejected(_sentence(name, wrong[0], kind))
            changed = dict(document.metadata) if changed is None else changed
            changed = _put(changed, name, None if wrong else fitting)
            if wrong:
                changed = _put(changed, name + MISFIT, str(value))
        return document if changed is None else replace(document, metadata=changed)

    @staticmethod
    def _fitting(value: Any, kind: str, cell: bool) -> Any:
        """The value without what is empty; a boolean of a table as a boolean."""
        if isinstance(value, list):
            return [each for each in value if each not in (None, "")]
        if value == "":
            return None
        if kind == "boolean" and cell and str(value).lower() in ("true", "false"):
            return value.lower() == "true"
        return value


def _each(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _put(metadata: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    """A copy with another value at a dotted path, or with none."""
    if value is None:
        return without(metadata, name)
    head, dot, rest = name.partition(".")
    inner = metadata.get(head)
    if name not in metadata and dot and isinstance(inner, dict):
        return {**metadata, head: _put(inner, rest, value)}
    return {**metadata, name: value}


def _sentence(name: str, value: Any, kind: str) -> str:
    shown = repr(value) if len(repr(value)) <= 60 else f"{repr(value)[:60]}..."
    return (
        f"failed to parse field [{name}] of type [{kind}], for it is {shown}: mend it, make a new "
        f"index with `field_types` {name}={WORD}, or keep such values beside it with `keep_misfits`"
    )
