"""Wrong arguments from Python: told in one sentence and before any work, by every room alike."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Collection, Iterable
from functools import cached_property, wraps
from typing import Any, TypeVar, cast, get_type_hints

from tandem.base.annotations import (
    NO_LIST,
    UnfitError,
    described,
    fit_as_they_are,
    fitted,
    is_secret,
    meant,
)
from tandem.base.errors import TandemError

Error = type[TandemError]
Subject = TypeVar("Subject", bound=Callable[..., Any])

LONGEST_SHOWN = 60


def shown(value: object) -> str:
    """A value as a sentence shows it, its type where it is none that people write."""
    if isinstance(value, str | int | float | list | tuple | dict | set) or value is None:
        text = repr(value)
        return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."
    return _typed(value)


def _typed(value: object) -> str:
    return f"of type {type(value).__module__}.{type(value).__qualname__}"


def as_list(what: str, value: object, error: Error, each: str = "texts") -> list[Any]:
    """What a list, tuple, generator, array or column holds, in its order.

    Raises `error` for one text, which would be taken for a list of its characters, and for what has
    no order or nothing in it to go through.
    """
    if isinstance(value, list):
        return value
    if isinstance(value, NO_LIST) or not isinstance(value, Iterable):
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


def checked_arguments(
    error: Error, name: str | None = None, own: Collection[str] = ()
) -> Callable[[Subject], Subject]:
    """Of a function or a record: what is given fits its parameters, by name and by annotation.

    Each is told in one sentence, and before any work: an option that it does not have, with near
    ones, a value of another type, one that is missing or has no place. name: what the sentence
    calls it, if not by its own name; own: parameters whose values it checks itself.
    """

    def decorated(subject: Subject) -> Subject:
        record = isinstance(subject, type)
        run: Any = subject.__init__ if record else subject
        guard = _Guard(error, name or subject.__name__, run, own)

        @wraps(run)
        def checked(*args: Any, **options: Any) -> Any:
            placed, named = guard.fitted(args, options)
            return run(*placed, **named)

        @wraps(run)
        async def checked_later(*args: Any, **options: Any) -> Any:
            placed, named = guard.fitted(args, options)
            return await run(*placed, **named)

        if not record:
            return cast("Subject", checked_later if inspect.iscoroutinefunction(run) else checked)
        subject.__init__ = checked  # type: ignore[method-assign]
        return subject

    return decorated


class _Guard:
    """What is known of a function's parameters."""

    def __init__(
        self, error: Error, name: str, run: Callable[..., Any], own: Collection[str]
    ) -> None:
        self._error, self._name, self._run, self._own = error, name, run, own
        self._signature = inspect.signature(run)
        self._names = [
            each.name
            for each in self._signature.parameters.values()
            if each.kind is each.POSITIONAL_OR_KEYWORD
        ]
        self._needed = {
            each.name
            for each in self._signature.parameters.values()
            if each.default is each.empty
            and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
        }

    @cached_property
    def _kinds(self) -> dict[str, Any]:
        """Parameter -> type, also of those that are taken by `**options`; looked up when needed."""
        kinds: dict[str, Any] = {}
        names = self._run.__globals__
        for parameter in self._signature.parameters.values():
            given = parameter.annotation
            kind = Any if given is parameter.empty else meant(given, names)
            if parameter.kind is parameter.VAR_KEYWORD:
                kinds |= get_type_hints(kind)
            else:
                kinds[parameter.name] = kind
        return {**kinds, **dict.fromkeys(self._own, Any)}

    @cached_property
    def _quick(self) -> dict[str, frozenset[type] | None]:
        """Parameter -> types whose values fit as they are, None for all."""
        return {name: fit_as_they_are(kind) for name, kind in self._kinds.items()}

    def fitted(
        self, args: tuple[Any, ...], options: dict[str, Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """The arguments as the function takes them."""
        for option in options:
            if option not in self._kinds or option in ("self", "cls"):
                raise self._error(_unknown(self._name, option, self._known))
        options = {name: self._value(name, value) for name, value in options.items()}
        names = self._names[: len(args)]
        placed = [self._value(name, value) for name, value in zip(names, args, strict=False)]
        # Searches make records by the thousand: the signature itself, which is slow, explains.
        if (
            len(placed) < len(args)
            or self._needed.difference(names, options)
            or not options.keys().isdisjoint(names)
        ):
            self._explain(args, options)
        return placed, options

    @property
    def _known(self) -> list[str]:
        return [each for each in self._kinds if each not in ("self", "cls")]

    def _explain(self, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        try:
            self._signature.bind(*args, **options)
        except TypeError as error:
            raise self._error(
                f"{self._name} cannot be called like this: {error}; it has "
                f"{', '.join(self._known)}."
            ) from None

    def _value(self, name: str, value: object) -> object:
        quick = self._quick[name]
        if quick is None or type(value) in quick:
            return value
        kind = self._kinds[name]
        try:
            return fitted(value, kind)
        except UnfitError as unfit:
            what = _typed(unfit.value) if is_secret(kind) else shown(unfit.value)
            said = f"is {what}" if unfit.at is None else f"has {what} at {_place(unfit.at)}"
        said = said.replace("has of type", "has one of type")
        raise self._error(f"`{name}` {said}: give {described(kind)}.")


def _place(at: object) -> str:
    return f"position {at}" if isinstance(at, int) else shown(at)


def _unknown(name: str, option: str, known: list[str]) -> str:
    near = difflib.get_close_matches(option, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(known)}."
    return f"{name} has no option {option!r}: {hint}"


def settle(record: object, **values: object) -> None:
    """Put values into a frozen record while it is made, in the form in which it keeps them."""
    for name, value in values.items():
        object.__setattr__(record, name, value)
