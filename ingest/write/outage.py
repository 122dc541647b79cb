"""For how long a cluster accepted nothing: what a run waits for, and says meanwhile."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cluster import Cluster

# Sleeps so many seconds, and raises where the run ends meanwhile.
Pause = Callable[[float], None]
# Seconds before it is told: of requests that fail, and of one that is just not answered.
_FAILING, _SILENT = 2.0, 10.0
_LOOK = 0.2


class Outage:
    """What became of the requests of one run, of all its threads together.

    most: seconds that the run waits.
    """

    def __init__(self, cluster: Cluster, most: float) -> None:
        self._cluster, self._most = cluster, most
        self._lock = threading.Lock()
        self._failing_since: float | None = None
        self._answered = True
        self._accepted = 0.0
        self._warned = False
        self._asking: dict[int, float] = {}

    @contextmanager
    def asking(self) -> Iterator[None]:
        """A request is on its way, which should be answered soon."""
        me = threading.get_ident()
        with self._lock:
            self._asking[me] = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                del self._asking[me]

    def accepted(self) -> None:
        """The cluster took something."""
        with self._lock:
            self._failing_since, self._accepted = None, time.monotonic()
            self._warned = False

    def failed(self, *, answered: bool) -> float:
        """The cluster took nothing of a request; since when it does so, in seconds."""
        now = time.monotonic()
        with self._lock:
            self._failing_since = self._failing_since or now
            self._answered = answered
            return now - self._failing_since

    @property
    def seconds(self) -> float:
        """For how long all requests failed, or none was answered; 0 where that is not so."""
        failing, silent = self._lasted()
        return max(failing, silent)

    def _lasted(self) -> tuple[float, float]:
        now = time.monotonic()
        with self._lock:
            failing = now - (self._failing_since or now)
            silent = now - max(min(self._asking.values(), default=now), self._accepted)
        return (failing if failing > _FAILING else 0.0, silent if silent > _SILENT else 0.0)

    def told(self) -> str | None:
        """What to say of it, None where there is none."""
        failing, silent = self._lasted()
        if not (failing or silent):
            return None
        waits = f"since {max(failing, silent):,.0f} s, waiting up to {self._most:,.0f} s"
        if failing and self._answered:
            return f"the cluster at {self._cluster.url} accepts nothing {waits}"
        return f"no cluster answers at {self._cluster.url} {waits}"

    def warn(self) -> None:
        """Warn of it, once: for who shows no progress."""
        if not self._warned and (told := self.told()):
            self._warned = True
            warnings.warn(f"{told}.", stacklevel=2)


def telling(pause: Pause, tell: Callable[[], None]) -> Pause:
    """A pause that tells again and again how it stands."""

    def patient(seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            tell()
            pause(min(left, _LOOK))

    return patient
