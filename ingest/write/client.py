"""Requests of one run to one index: sent again while that may help, and what answers mean."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

from cluster.error_body import blocks_in, error_in, is_block, kind_of, lifting, reason_of
from cluster.errors import ClusterError, UnreachableError
from ingest.errors import (
    BlockedError,
    IndexRefusedError,
    IngestError,
    LostPlaceError,
    OutageError,
)
from ingest.write.outage import Outage, Pause, telling
from mappings import settings_of
from tandem.base.wire import path_of

if TYPE_CHECKING:
    from opensearchpy.exceptions import TransportError

    from cluster import Cluster

T = TypeVar("T")
# Statuses that pass by themselves.
TRANSIENT = frozenset({429, 502, 503, 504})
# A node that is being closed answers 500, and so does a defect that will never pass.
DOUBTFUL = 500
# How often what failed so is sent again.
DOUBT_TRIES = 5
TOO_LARGE = 413
# What is stored under the id is not what a change was to be made to.
CONFLICT = 409
# k-NN's own breaker answers 400, as a document with a wrong field would.
_BREAKER = "circuit breaker triggered"
_REFUSALS = {401: "forbidden", 403: "forbidden", 404: "gone"}
_CLOSED = "index_closed_exception"
# A block that passes: the cluster is starting.
_STARTING = 503


class Fate(Enum):
    """What becomes of one item of a bulk request."""

    DONE = "done"
    RETRY = "retry"
    DOUBT = "doubt"
    REJECT = "reject"
    CONFLICT = "conflict"
    BLOCKED = "blocked"
    FORBIDDEN = "forbidden"
    GONE = "gone"


# What ends a run, because no document is to blame.
FATAL = (Fate.BLOCKED, Fate.FORBIDDEN, Fate.GONE)


@dataclass(frozen=True)
class Verdict:
    """The fate of an item, and the cluster's reason unless it is done."""

    fate: Fate
    reason: str = ""


DONE = Verdict(Fate.DONE)


def judge(status: int, error: Any) -> Verdict:
    """The verdict on one item of a bulk answer, from its status and its error object."""
    if error is None and status < 300:
        return DONE
    reason = reason_of(error, f"HTTP {status}")
    if is_block(error) and status != _STARTING:
        return Verdict(Fate.BLOCKED, reason)
    if status in TRANSIENT or _BREAKER in reason.lower():
        return Verdict(Fate.RETRY, reason)
    if kind_of(error) == _CLOSED:
        return Verdict(Fate.GONE, reason)
    if status == CONFLICT:
        return Verdict(Fate.CONFLICT, reason)
    if status in _REFUSALS:
        return Verdict(Fate(_REFUSALS[status]), reason)
    return Verdict(Fate.DOUBT if status == DOUBTFUL else Fate.REJECT, reason)


FIRST_PAUSE = 0.25
LONGEST_PAUSE = 10.0
NDJSON = {"content-type": "application/x-ndjson"}


class TransientError(Exception):
    """The request failed in a way that may pass; status and retry_after: as UnreachableError's."""

    def __init__(self, reason: str, status: int | None, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.status, self.retry_after = status, retry_after


Failure = TransientError | UnreachableError


class TooLargeError(Exception):
    """The cluster takes no request of this size (HTTP 413)."""


class IndexClient:
    """Requests of one run: their retries, and for how long nothing was accepted.

    pause: None for a sleep that warns in an outage; max_outage: seconds; lease: an alias of the
    index that only this run has, through which it writes; None for none; bypass: what it writes
    goes through no default pipeline.
    """

    def __init__(
        self,
        cluster: Cluster,
        index: str,
        pause: Pause | None,
        max_outage: float,
        lease: str | None = None,
        bypass: bool = False,
    ) -> None:
        self.index = index
        self.bulk_path = path_of(lease or index, "_bulk")
        # Without it the cluster would make an index of that name.
        self.bulk_params = {"require_alias": "true"} if lease else {}
        if bypass:
            self.bulk_params["pipeline"] = "_none"
        self._lease = lease
        self._cluster = cluster
        self.max_outage = max_outage
        self.outage = Outage(cluster, max_outage)
        self.pause = pause or telling(time.sleep, self.outage.warn)
        self._lock = threading.Lock()
        self.retries = 0

    def once(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        """Send one request and return the parsed answer.

        Raises TransientError and TooLargeError where sending again may help, BlockedError where the
        index is blocked, and the cluster room's sentence for anything else.
        """
        from opensearchpy.exceptions import ConnectionError as NoAnswerError
        from opensearchpy.exceptions import TransportError

        headers = NDJSON if isinstance(body, bytes) else None
        # Who allows a request hours expects no answer soon.
        asking = nullcontext() if "request_timeout" in params else self.outage.asking()
        with self._cluster.explaining(), asking:
            try:
                return self._cluster.client.transport.perform_request(
                    method, path, params=params, body=body, headers=headers
                )
            except NoAnswerError as error:
                reason = str(self._cluster.explain(error)).rstrip(".")
                raise TransientError(reason, None) from error
            except TransportError as error:
                if (known := self._refusal(error)) is None:
                    raise
                raise known from error

    def _refusal(self, error: TransportError) -> Exception | None:
        """What a refused request is to a run, or None where it is nothing special."""
        status, said = int(error.status_code), error_in(error)
        if is_block(said) and status != _STARTING:
            return self.blocked(reason_of(said))
        if status == TOO_LARGE:
            return TooLargeError()
        if status in TRANSIENT:
            asked = getattr(error, "retry_after", None)
            return TransientError(f"HTTP {status}: {reason_of(said)}", status, asked)
        return None

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        doubt: Callable[[Any], str | None] = lambda answer: None,
        **params: Any,
    ) -> Any:
        """Send a request that may be sent twice, again and again until it is answered.

        doubt: why an answer does not do, None where it does.
        """
        attempt = 0
        while True:
            failure = None
            try:
                answer = self.once(method, path, body, **params)
                reason = doubt(answer)
            except TransientError as error:
                reason, failure = str(error), error
            if reason is None:
                self.accepted()
                return answer
            self.wait(attempt, reason, failure)
            attempt += 1

    def persist(self, work: Callable[[], T]) -> T:
        """Do what may be done twice, again and again until the cluster has answered all of it."""
        attempt = 0
        while True:
            try:
                done = work()
            except UnreachableError as error:
                self.wait(attempt, str(error).rstrip("."), error)
                attempt += 1
            else:
                self.accepted()
                return done

    def largest_request(self, most: int) -> int:
        """Bytes that every node takes in one request, `most` where that may not be asked."""
        path, field = "/_nodes/http", "max_content_length_in_bytes"
        try:
            answer = self.once("GET", path, filter_path=f"nodes.*.http.{field}")
        except (TransientError, ClusterError):
            return most
        sizes = (int(each["http"][field]) for each in answer.get("nodes", {}).values())
        return min(filter(None, (most, *sizes)))

    def pipelines(self) -> str:
        """The ingest pipelines that the index sends documents through, "" where none is known."""
        path = path_of(self.index, "_settings")
        try:
            found = self.once("GET", path)
        except (TransientError, ClusterError):
            return ""
        settings = next(map(settings_of, found.values()), {})
        names = [settings.get(f"{kind}_pipeline", "_none") for kind in ("default", "final")]
        return ", ".join(repr(name) for name in names if name != "_none")

    def accepted(self) -> None:
        """The cluster took something: no outage."""
        self.outage.accepted()

    def again(self) -> None:
        """Count a retry that needs no wait."""
        with self._lock:
            self.retries += 1

    def wait(self, attempt: int, reason: str, failure: Failure | None = None) -> None:
        """Count a retry and sleep before it: exponential backoff with full jitter.

        Or as long as the cluster asked (Retry-After), while that is within the outage's bound.
        failure: of the request, None where it was answered and something in it not taken. Source:
        M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015. Raises
        OutageError once nothing was accepted for too long.
        """
        self.again()
        failing = self.outage.failed(answered=failure is None or failure.status is not None)
        if failing > self.max_outage:
            raise OutageError(
                f"the cluster accepted nothing for {failing:,.0f} seconds (`max_outage` is "
                f"{self.max_outage:,.0f}), last because: {reason}; what was written is kept, so "
                "run the same command again once the cluster is well and it goes on from there."
            )
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(attempt, 10))
        asked = (failure and failure.retry_after) or 0.0
        asked = min(asked, self.max_outage - failing)
        self.pause(max(asked, random.uniform(0, longest)))

    def fatal(self, verdict: Verdict) -> IngestError | ClusterError:
        """The sentence for an answer that no document is to blame for."""
        if verdict.fate is Fate.BLOCKED:
            return self.blocked(verdict.reason)
        if verdict.fate is Fate.FORBIDDEN:
            return self._cluster.refusal(verdict.reason)
        if self._lease and self._lease in verdict.reason:
            return LostPlaceError(self.index)
        return IndexRefusedError(
            f"index {self.index!r} was deleted or closed during the load ({verdict.reason}): open "
            "it if it is still there, and run the same command again."
        )

    def blocked(self, reason: str) -> BlockedError:
        """The sentence for an index that takes no writes, or gives nothing to read."""
        blocks = blocks_in(reason)
        taken = "reads" if {each.setting for each in blocks} == {"index.blocks.read"} else "writes"
        return BlockedError(
            f"index {self.index!r} takes no {taken} ({reason}): "
            f"{lifting(blocks, self.index)}, and run the same command again; what was "
            "written is kept."
        )
