"""Values held against the annotation of their parameter: what serves, and what to give instead.

Numbers of numpy become Python's, what holds its parts in order a tuple, text a path and a pair a
named one, where such are meant. A choice is of the right type here; its owner knows its values.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from numbers import Integral, Real
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Protocol, Union, get_args, get_origin, get_type_hints, is_typeddict

# What is known by what it can do -> what can. In place of a cluster mostly a client is given.
_ABLE = {
    "Answering": "Searcher(cluster, index)",
    "Cluster": "what connect(url) returns, or connect(client=...) for a client of opensearch-py",
    "Judge": "CrossEncoder.load(...)",
    "PassageEncoder": "Encoder.load(...)",
    "PassageScorer": "CrossEncoder.load(...)",
    "QueryEncoder": "Encoder.load(...)",
    "Searching": "Searcher(cluster, index)",
}
_PLAIN = {str: "text", bool: "True or False", int: "a whole number", float: "a number"}
_SEVERAL = {str: "texts", int: "whole numbers", float: "numbers"}
# One text would be taken for a list of its characters, and a set has no order.
NO_LIST = (str, bytes, bytearray, Mapping, set, frozenset)


class _Cluster(Protocol):
    """What of a cluster is looked for by those who cannot import its room."""

    capabilities: Any


_Cluster.__name__ = "Cluster"


class _Unpack:
    """`Unpack[Options]` as what is in it; typing has it since 3.11."""

    def __class_getitem__(cls, options: Any) -> Any:
        return options


# What annotations say by name alone, or what looks at its values itself.
_NAMED = {
    "Cluster": _Cluster,
    "OnStep": Callable[..., Any],
    "Source": Any,
    "Unpack": _Unpack,
}


class _Names(dict[str, Any]):
    """What the words of an annotation mean; one that is there for checkers alone is anything."""

    def __missing__(self, name: str) -> Any:
        return Any


class UnfitError(Exception):
    """A value that does not fit; at: its place in what was given, None for all of it."""

    def __init__(self, value: object, at: object = None) -> None:
        super().__init__(value)
        self.value, self.at = value, at


def meant(annotation: Any, names: Mapping[str, Any]) -> Any:
    """The type that an annotation says; names: of the module that it stands in."""
    if not isinstance(annotation, str):
        return annotation
    return eval(annotation, {}, _Names({**vars(builtins), **names, **_NAMED}))


def fitted(value: Any, kind: Any) -> Any:
    """A value as its parameter takes it; raises UnfitError."""
    if kind is Any or type(value) is kind:
        return value
    origin, parts = _taken_apart(kind)
    if origin in (Union, UnionType):
        return _of_union(value, parts)
    if origin is Literal:
        return _checked(value, isinstance(value, tuple({type(each) for each in parts})))
    if origin in _PLAIN:
        return _scalar(value, origin)
    if origin is Path:
        return Path(_checked(value, isinstance(value, str | Path)))
    if origin in (Iterable, Sequence, tuple):
        return _listed(value, origin, parts)
    if origin is Mapping:
        return _mapped(value, parts)
    if hasattr(origin, "_fields") and not isinstance(value, origin):
        return origin(*_listed(value, tuple, tuple(get_type_hints(origin).values())))
    return _checked(value, _is_a(value, origin))


def fit_as_they_are(kind: Any) -> frozenset[type] | None:
    """The types whose values fit a parameter with nothing to look at, None for all types."""
    if kind is Any:
        return None
    origin, parts = _taken_apart(kind)
    if origin in (Union, UnionType):
        each = [fit_as_they_are(part) for part in parts]
        return None if None in each else frozenset().union(*filter(None, each))
    if origin is Literal:
        return frozenset(map(type, parts))
    return frozenset({origin} if isinstance(origin, type) and origin is not tuple else ())


@cache
def _taken_apart(kind: Any) -> tuple[Any, tuple[Any, ...]]:
    return get_origin(kind) or kind, get_args(kind)


def _checked(value: Any, fits: bool) -> Any:
    if not fits:
        raise UnfitError(value)
    return value


def _of_union(value: Any, kinds: Sequence[Any]) -> Any:
    """As the first of several kinds that it fits; of a list, its part that does not is told."""
    if type(value) in kinds:
        return value
    unfit = UnfitError(value)
    for kind in kinds:
        try:
            return fitted(value, kind)
        except UnfitError as error:
            unfit = error if error.at is not None else unfit
    raise unfit


def _scalar(value: Any, kind: type) -> Any:
    """Text, a number or a truth value, also numpy's; a truth value is no number."""
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        value = value.item()
    if kind in (str, bool) or isinstance(value, bool):
        return _checked(value, kind in (str, bool) and isinstance(value, kind))
    if isinstance(value, Integral):
        return int(value)
    return float(_checked(value, kind is float and isinstance(value, Real)))


def _listed(value: Any, origin: Any, parts: Sequence[Any]) -> Any:
    """What holds its parts in order, as a tuple, and as it is where it may be gone through once."""
    _checked(value, isinstance(value, Iterable) and not isinstance(value, NO_LIST))
    if origin is Iterable:
        return value
    column = getattr(value, "tolist", None)  # of numpy and pandas: plain Python values
    found = column() if column else list(value)
    _checked(value, isinstance(found, list))
    if origin is tuple and parts[-1] is not ...:
        _checked(value, len(found) == len(parts))
        return tuple(fitted(each, kind) for each, kind in zip(found, parts, strict=True))
    (kind, *_) = parts or (Any,)
    if kind in _PLAIN and all(type(each) is kind for each in found):
        return tuple(found)
    return tuple(_part(each, kind, at) for at, each in enumerate(found))


def _part(value: Any, kind: Any, at: object) -> Any:
    try:
        return fitted(value, kind)
    except UnfitError as error:
        raise UnfitError(error.value if error.at is None else value, at) from None


def _mapped(value: Any, parts: Sequence[Any]) -> Any:
    """A mapping, with keys and values that fit."""
    _checked(value, isinstance(value, Mapping))
    if parts and parts[1] is not Any:
        for key, found in value.items():
            _part(key, parts[0], key)
            _part(found, parts[1], key)
    return value


def _is_a(value: Any, kind: Any) -> Any:
    if kind is Callable:
        return callable(value)
    if kind is None:
        return value is None
    if not isinstance(kind, type) or is_typeddict(kind):
        return True
    if getattr(kind, "_is_protocol", False):
        return all(hasattr(value, name) for name in _able_to(kind))
    return isinstance(value, kind)


def _able_to(protocol: type) -> list[str]:
    """What it is known by: its methods, and fields that are no properties."""
    methods = [name for name, each in vars(protocol).items() if callable(each)]
    return [name for name in (*methods, *protocol.__annotations__) if not name.startswith("_")]


def described(kind: Any) -> str:
    """What to give for a parameter, as a sentence goes on after "give"."""
    origin, parts = get_origin(kind) or kind, get_args(kind)
    if origin in (Union, UnionType):
        several = dict.fromkeys(described(each) for each in parts if each is not NoneType)
        if "a path" in several:  # which is text mostly
            several.pop("text", None)
        return " or ".join(several)
    if origin is Literal:
        return " or ".join(map(repr, parts))
    if origin in (Iterable, Sequence) or (origin is tuple and parts[-1] is ...):
        (part, *_) = parts or (str,)
        return f"a list of {_SEVERAL.get(part) or described(part)}"
    if origin is tuple:
        return f"({', '.join(map(described, parts))})"
    name = getattr(origin, "__name__", str(origin))
    named = {"Callable": "a function", "Mapping": "a dict", "Path": "a path", "Secret": "text"}
    named |= {"dict": "a dict", "ndarray": "an array of numbers", **_ABLE}
    return _PLAIN.get(origin) or named.get(name) or f"{name}(...)"


def is_secret(kind: Any) -> bool:
    """Whether values of it are never shown: a part of it has them revealed."""
    return hasattr(kind, "reveal") or any(map(is_secret, get_args(kind)))
