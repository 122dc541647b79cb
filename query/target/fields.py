"""The types of fields, as a filter needs them."""

from __future__ import annotations

import difflib

from mappings.existing import Types
from query.errors import FilterError

INTEGERS = ("byte", "short", "integer", "long", "unsigned_long")
NUMBERS = (*INTEGERS, "half_float", "float", "double", "scaled_float")
DATES = ("date", "date_nanos")


def known_type(name: str, types: Types, index: str) -> str:
    """The type of a field; raises FilterError naming near ones where the index lacks it."""
    if name in ("_id", "_index"):
        return "_id"
    if name in types:
        return types[name]
    parts = name.split(".")
    for end in range(len(parts) - 1, 0, -1):  # a flat object's keys are not in the mapping
        if types.get(".".join(parts[:end])) in ("flat_object", "flattened"):
            return "keyword"
    near = difflib.get_close_matches(name, types, n=3)
    known = ", ".join(sorted(types)) or "none"
    hint = f"did you mean {' or '.join(near)}?" if near else f"it has {known}."
    raise FilterError(f"index {index!r} has no field {name!r}: {hint}")
