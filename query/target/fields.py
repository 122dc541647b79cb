"""The types of fields, as a filter needs them."""

from __future__ import annotations

import difflib

from mappings.existing import Types, nested_in
from query.errors import FilterError

_BITS = {"byte": 8, "short": 16, "integer": 32, "long": 64}
INTEGERS = (*_BITS, "unsigned_long")
NUMBERS = (*INTEGERS, "half_float", "float", "double", "scaled_float")
DATES = ("date", "date_nanos")
EXACT = ("keyword", "constant_keyword", "wildcard", "ip", "version")
# Types whose values can be compared, counted and sorted by.
VALUED = (*EXACT, *NUMBERS, *DATES, "boolean")


def known_type(name: str, types: Types, index: str) -> str:
    """The type of a field; raises FilterError naming near ones where the index lacks it."""
    if name in ("_id", "_index"):
        return "_id"
    if name in types:
        return types[name]
    if _flat_object(name, types):
        return "keyword"
    near = difflib.get_close_matches(name, types, n=3)
    known = ", ".join(sorted(types)) or "none"
    hint = f"did you mean {' or '.join(near)}?" if near else f"it has {known}."
    raise FilterError(f"index {index!r} has no field {name!r}: {hint}")


def fault_of_number(kind: str, value: object) -> str | None:
    """Why no field of a type can have a whole number, or None; the cluster may refuse to look."""
    if kind not in INTEGERS or type(value) is not int:
        return None
    most = 2 ** (_BITS[kind] - 1) if kind in _BITS else 2**64
    least = -most if kind in _BITS else 0
    if least <= value < most:
        return None
    return f"is not from {least:,} to {most - 1:,}, as all its values are"


def _flat_object(name: str, types: Types) -> str | None:
    """The flat object of which a name is a key, or None; its keys are not in the mapping."""
    parts = name.split(".")
    above = (".".join(parts[:end]) for end in range(len(parts) - 1, 0, -1))
    return next((each for each in above if types.get(each) in ("flat_object", "flattened")), None)


def exact_part(name: str, types: Types) -> str | None:
    """The keyword under a field of full text that has its values as they are, or None."""
    parts = (sub for sub, kind in types.items() if kind == "keyword")
    return next((sub for sub in parts if sub.startswith(f"{name}.")), None)


def valued_field(name: str, types: Types, index: str, use: str) -> tuple[str, str]:
    """The field that has the values of `name`, and its type.

    use: what they are wanted for. Raises FilterError where the index lacks the field, and where it
    has no values to count or to sort by.
    """
    kind = known_type(name, types, index)
    if path := nested_in(name, types):
        raise FilterError(
            f"field {name!r} is inside the nested field {path!r}, whose values cannot be {use}: "
            "name another field."
        )
    flat = None if name in types else _flat_object(name, types)
    if flat and types[flat] == "flat_object":  # OpenSearch gives the values of all its keys
        raise FilterError(
            f"field {name!r} is a key of the flat object {flat!r}, whose values OpenSearch does "
            f"not keep apart, so that they cannot be {use}: name another field."
        )
    if kind == "text" and (exact := exact_part(name, types)):
        return exact, "keyword"
    if kind not in VALUED:
        what = "full text" if kind == "text" else f"of type {kind}"
        raise FilterError(
            f"field {name!r} is {what}, whose values cannot be {use}: name a field of keywords, "
            "numbers or dates."
        )
    return name, kind
