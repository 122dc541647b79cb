"""What is done once a model on a machine: told when it begins, and timed."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

OnStep = Callable[[str], None]
# Name -> what is said of it. Most take seconds, all together a quarter of a minute.
STEPS = {
    "measure": "measuring which way of encoding is fastest on this machine, once a model",
    "convert": "converting the model to OpenVINO, once",
    "quantise": "quantising the model to int8, once",
}


def _warn(what: str) -> None:
    warnings.warn(f"{what}: it may take a minute.", stacklevel=2)


class Preparation:
    """The steps of one loaded model; who shows no progress is warned that they take time."""

    def __init__(self, on_progress: OnStep | None = None) -> None:
        self._say = on_progress or _warn
        self._seconds: dict[str, float] = {}

    @property
    def seconds(self) -> Mapping[str, float]:
        """Step -> seconds, without those of the steps within it; empty where all was kept."""
        return dict(self._seconds)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Tell and time one of STEPS."""
        self._say(STEPS[name])
        began, before = time.perf_counter(), sum(self._seconds.values())
        try:
            yield
        finally:
            within = sum(self._seconds.values()) - before
            spent = time.perf_counter() - began - within
            self._seconds[name] = self._seconds.get(name, 0.0) + spent
