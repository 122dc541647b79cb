"""One request to the cluster, tried again for as long as the failure may pass."""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING, Any

from cluster.errors import ClusterError
from ingest.answers import TOO_LARGE, TRANSIENT, Fate, Verdict, is_block, reason_of
from ingest.errors import BlockedError, IndexRefusedError, IngestError, OutageError
from ingest.flow import Flow

if TYPE_CHECKING:
    from cluster import Cluster

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 10.0
NDJSON = {"content-type": "application/x-ndjson"}


class TransientError(Exception):
    """The request failed in a way that may pass; `status` is None where nothing answered."""

    def __init__(self, reason: str, status: int | None) -> None:
        super().__init__(reason)
        self.status = status


class TooLargeError(Exception):
    """The cluster takes no request of this size (HTTP 413)."""


class Link:
    """Requests of one run: their retries, and for how long nothing was accepted."""

    def __init__(self, cluster: Cluster, index: str, flow: Flow, max_outage: float) -> None:
        self.index = index
        self._cluster = cluster
        self._flow = flow
        self._max_outage = max_outage
        self._lock = threading.Lock()
        self._failing_since: float | None = None
        self.retries = 0

    def once(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        """Send one request and return the parsed answer.

        Raises TransientError and TooLargeError where sending again may help, BlockedError where the
        index is blocked, and the cluster room's sentence for anything else.
        """
        from opensearchpy.exceptions import ConnectionError as NoAnswerError
        from opensearchpy.exceptions import TransportError

        headers = NDJSON if isinstance(body, bytes) else None
        try:
            return self._cluster.client.transport.perform_request(
                method, path, params=params, body=body, headers=headers
            )
        except NoAnswerError as error:
            raise TransientError(str(self._cluster.explain(error)).rstrip("."), None) from error
        except TransportError as error:
            status = int(error.status_code)
            said = _error_object(error)
            if is_block(status, said):
                raise self.blocked(reason_of(said)) from error
            if status == TOO_LARGE:
                raise TooLargeError from error
            if status in TRANSIENT:
                reason = reason_of(said) or f"HTTP {status}"
                raise TransientError(f"HTTP {status}: {reason}", status) from error
            raise self._cluster.explain(error) from error

    def ask(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        """Send a request that may be sent twice, again and again until it is answered."""
        attempt = 0
        while True:
            try:
                answer = self.once(method, path, body, **params)
            except TransientError as error:
                self.wait(attempt, str(error))
                attempt += 1
            else:
                self.accepted()
                return answer

    def largest_request(self) -> int | None:
        """Bytes that every node takes in one request, or None where it may not be asked."""
        path, field = "/_nodes/http", "max_content_length_in_bytes"
        try:
            answer = self.once("GET", path, filter_path=f"nodes.*.http.{field}")
        except (TransientError, ClusterError):
            return None
        return min((int(n["http"][field]) for n in answer.get("nodes", {}).values()), default=None)

    def accepted(self) -> None:
        """The cluster took something: no outage."""
        with self._lock:
            self._failing_since = None

    def wait(self, attempt: int, reason: str) -> None:
        """Count a retry and sleep before it: exponential backoff with full jitter.

        Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015. Raises
        OutageError once nothing was accepted for too long.
        """
        now = time.monotonic()
        with self._lock:
            self.retries += 1
            self._failing_since = self._failing_since or now
            failing = now - self._failing_since
        if failing > self._max_outage:
            raise OutageError(
                f"the cluster accepted nothing for {failing:,.0f} seconds (--max-outage is "
                f"{self._max_outage:,.0f}), last because: {reason}; what was written is kept, so "
                "run the same command again once the cluster is well and it goes on from there."
            )
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(attempt, 10))
        self._flow.pause(random.uniform(0, longest))

    def fatal(self, verdict: Verdict) -> IngestError:
        """The sentence for an answer that no document is to blame for."""
        if verdict.fate is Fate.BLOCKED:
            return self.blocked(verdict.reason)
        if verdict.fate is Fate.FORBIDDEN:
            return IndexRefusedError(
                f"writing into index {self.index!r} is forbidden ({verdict.reason}): give the user "
                "the permission to write there, and run the same command again."
            )
        return IndexRefusedError(
            f"index {self.index!r} was deleted or closed during the load ({verdict.reason}): open "
            "it if it is still there, and run the same command again."
        )

    def blocked(self, reason: str) -> BlockedError:
        """The sentence for an index that takes no writes."""
        return BlockedError(
            f"index {self.index!r} takes no writes ({reason}): free disk space or lift the block, "
            f'PUT /{self.index}/_settings {{"index.blocks.read_only_allow_delete": null, '
            '"index.blocks.read_only": null, "index.blocks.write": null}, and run the same command '
            "again; what was written is kept."
        )


def _error_object(error: Any) -> Any:
    info = error.info if len(error.args) > 2 else None
    return info.get("error", info) if isinstance(info, dict) else info
