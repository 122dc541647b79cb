"""Models are loaded without transformers' bars and warnings, in the thread that loads, not beside.

What turns them off for a whole process is not ours to turn: a program may load models of its own.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from encoder.forks import in_each_child

_here = threading.local()


def _is_quiet() -> bool:
    return getattr(_here, "quiet", False)


class _Elsewhere(logging.Filter):
    """Lets warnings through that come from threads which are not to be quiet."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR or not _is_quiet()


class _Silencer:
    """In transformers while any thread of ours is to be quiet, and taken out by the last."""

    def __init__(self) -> None:
        self._filter = _Elsewhere()
        self._handlers: list[logging.Handler] = []
        self._hook: Callable[..., Any] | None = None
        self._reset()
        in_each_child(self, _Silencer._reset)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._threads = 0

    @contextmanager
    def installed(self) -> Iterator[None]:
        with self._lock:
            if not self._threads:
                self._install()
            self._threads += 1
        try:
            yield
        finally:
            with self._lock:
                self._threads -= 1
                if not self._threads:
                    self._take_out()

    def _install(self) -> None:
        from transformers.utils import logging as theirs

        self._handlers = list(logging.getLogger("transformers").handlers)
        for handler in self._handlers:
            handler.addFilter(self._filter)
        self._hook = theirs.set_tqdm_hook(self._bar)

    def _take_out(self) -> None:
        from transformers.utils import logging as theirs

        for handler in self._handlers:
            handler.removeFilter(self._filter)
        theirs.set_tqdm_hook(self._hook)

    def _bar(self, make: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        from transformers.utils.logging import EmptyTqdm

        if _is_quiet():
            return EmptyTqdm(*args, **options)
        return self._hook(make, args, options) if self._hook else make(*args, **options)


_silencer = _Silencer()


@contextmanager
def quiet() -> Iterator[None]:
    """No bars and no warnings of transformers in this thread: what matters is told as an error."""
    before = _is_quiet()
    with _silencer.installed():
        _here.quiet = True
        try:
            yield
        finally:
            _here.quiet = before
