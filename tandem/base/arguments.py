"""Wrong arguments from Python: told in one sentence and before any work, by every room alike."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from numbers import Integral, Real
from types import UnionType
from typing import Any, TypeVar, cast

from tandem.base.errors import TandemError

Error = type[TandemError]
# What is given in place of a cluster is mostly a client of opensearch-py.
CLUSTER = "give what connect(url) returns, or connect(client=...) for a client of opensearch-py"
Subject = TypeVar("Subject", bound=Callable[..., Any])

LONGEST_SHOWN = 60


def shown(value: object) -> str:
    """A value as a sentence shows it, its type where it is none that people write."""
    if isinstance(value, str | int | float | list | tuple | dict | set) or value is None:
        text = repr(value)
        return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."
    return f"of type {type(value).__module__}.{type(value).__qualname__}"


def as_list(what: str, value: object, error: Error, each: str = "texts") -> list[Any]:
    """What a list, tuple, generator, array or column holds, in its order.

    Raises `error` for one text, which would be taken for a list of its characters, and for what has
    no order or nothing in it to go through.
    """
    if isinstance(value, list):
        return value
    unordered = isinstance(value, str | bytes | bytearray | Mapping | set | frozenset)
    if unordered or not isinstance(value, Iterable):
        raise error(f"{what} is {shown(value)}: give a list of {each}, also for one.")
    column = getattr(value, "tolist", None)  # of numpy and pandas: plain Python values
    found = column() if column else list(value)
    if not isinstance(found, list):
        raise error(f"{what} is a single value in an array: give a list of {each}, also for one.")
    return found


def as_texts(what: str, value: object, error: Error, each: str = "texts") -> list[str]:
    """As `as_list`, of strings; raises `error` naming the first that is none."""
    found = as_list(what, value, error, each)
    for number, text in enumerate(found):
        if not isinstance(text, str):
            raise error(f"{what} has {shown(text)} at position {number}: give a list of {each}.")
    return found


def as_whole(what: str, value: object, error: Error) -> int:
    """A whole number as an int, whichever library it comes from; raises `error` for all else."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise error(f"{what} is {shown(value)} and must be a whole number.")
    return int(value)


def as_number(what: str, value: object, error: Error) -> float:
    """A number as Python's own, whichever library it comes from; raises `error` for all else."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise error(f"{what} is {shown(value)} and must be a number.")
    return int(value) if isinstance(value, Integral) else float(value)


def check_type(what: str, value: object, kind: type | UnionType, error: Error, cure: str) -> None:
    """Raise `error` where a value is not of a kind; cure: what to give."""
    if not isinstance(value, kind):
        raise error(f"{what} is {shown(value)}: {cure}.")


def check_can(what: str, value: object, able: str, error: Error, cure: str) -> None:
    """Raise `error` where a value lacks the attribute or method that is wanted of it."""
    if not hasattr(value, able):
        raise error(f"{what} is {shown(value)}: {cure}.")


def known_options(error: Error, name: str | None = None) -> Callable[[Subject], Subject]:
    """Of a function or a record: an option that it does not have is refused, with near ones.

    name: what the sentence calls it, if not by its own name.
    """

    def decorated(subject: Subject) -> Subject:
        record = isinstance(subject, type)
        run: Any = subject.__init__ if record else subject
        known = list(inspect.signature(run).parameters)[record:]

        @wraps(run)
        def checked(*args: Any, **options: Any) -> Any:
            for option in options:
                if option not in known:
                    raise error(_unknown(name or subject.__name__, option, known))
            return run(*args, **options)

        if not record:
            return cast("Subject", checked)
        subject.__init__ = checked  # type: ignore[method-assign]
        return subject

    return decorated


def _unknown(name: str, option: str, known: list[str]) -> str:
    near = difflib.get_close_matches(option, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(known)}."
    return f"{name} has no option {option!r}: {hint}"


def settle(record: object, **values: object) -> None:
    """Put values into a frozen record while it is made, in the form in which it keeps them."""
    for name, value in values.items():
        object.__setattr__(record, name, value)
