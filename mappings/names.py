"""What an index, an alias or a search pipeline can be called.

For indexes and aliases OpenSearch and Elasticsearch have the same rules: validateIndexOrAliasName
of MetadataCreateIndexService.java.
"""

from __future__ import annotations

FORBIDDEN = '\\/*?"<>|,#: '
_FORBIDDEN_TO_PIPELINES = '*,?"<>|\\/#'
LONGEST_NAME = 255


def fault_of_name(name: str, *, new: bool = False) -> str | None:
    """Why nothing can be called so, with the cure, or None.

    new: an index is to be made; it can have no capitals, which an alias can.
    """
    if not name:
        return "it is empty: give a name"
    if (wrong := _wrong_mark(name, FORBIDDEN)) is not None:
        return f"it has {wrong!r} in it: use letters, digits, - and _"
    if name[0] in "_-+":
        return f"it begins with {name[0]!r}: begin with a letter or a digit"
    if name in (".", ".."):
        return "it is a path: use letters, digits, - and _"
    if (size := len(name.encode())) > LONGEST_NAME:
        return f"it has {size} bytes and at most {LONGEST_NAME} are taken: give a shorter one"
    if new and name != name.lower():
        return f"an index has no capitals: write {name.lower()!r}"
    return None


def fault_of_pattern(pattern: str) -> str | None:
    """Why nothing can be searched under this name, with the cure, or None.

    It may be a list with commas, with wildcards, with exclusions after the first, or with names
    that are computed of a date (<books-{now/d}>), and `_all`.
    """
    for number, part in enumerate(pattern.split(",")):
        if part == "_all" or (part.startswith("<") and part.endswith(">")):
            continue
        name = part[1:] if number and part.startswith("-") else part
        if fault := fault_of_name(name.replace("*", "x")):
            return fault
    return None


def fault_of_pipeline_name(name: str) -> str | None:
    """Why no search pipeline can be called so, with the cure, or None."""
    if not name:
        return "it is empty: give a name"
    if name in ("_none", "_all", ".", ".."):
        return "the cluster means something else by it: give another name"
    if (wrong := _wrong_mark(name, _FORBIDDEN_TO_PIPELINES)) is not None:
        return f"it has {wrong!r} in it: give one plain name"
    return None


def _wrong_mark(name: str, forbidden: str) -> str | None:
    """The first character that a name cannot have."""
    return next((c for c in name if c in forbidden or c.isspace() or not c.isprintable()), None)
