"""Wait until a node that was just started answers, or say what its log says."""

from __future__ import annotations

import http.client
import json
import os
import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cluster.access.bounded import BoundedResponse
from cluster.errors import NodeError
from cluster.node import process
from cluster.node.files import Layout
from tandem.base.wire import path_of

TAIL_BYTES = 256_000
_TELLING = re.compile(
    r"fatal error|OutOfMemoryError|\[ERROR\]|\[FATAL\]|Exception|Error:|^ERROR|SIG[A-Z]{3,}"
)
_FRAME = re.compile(r"^\s+(at |\.\.\. \d+ more)")
_STAMP = re.compile(r"^\[\d{4}-[^\]]*\]\s*")


def tail(log: Path, lines: int) -> list[str]:
    """The last lines that are not blank and no stack frames; none where there is no log."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    kept = [line.rstrip() for line in text.splitlines() if line.strip() and not _FRAME.match(line)]
    return kept[-lines:]


def last_relevant(log: Path) -> str:
    """The last line that names an error, else the last line at all, without its time stamp."""
    lines = tail(log, 400)
    telling = [line for line in lines if _TELLING.search(line)]
    line = (telling or lines or ["nothing"])[-1]
    return _STAMP.sub("", line)[:300]


POLL_SECONDS = 0.1
LOG_LINES = 8
ANSWER_BYTES = 10_000_000
# Primaries recovered; on one node replicas never are.
_HEALTH = "/_cluster/health?wait_for_status=yellow&timeout=5s"
_TO_COME = ("initializing_shards", "number_of_in_flight_fetch", "number_of_pending_tasks")
# Files that shards opened, and writes that they do again: of these an index may have 512 MB.
_RECOVERY = "/_recovery?filter_path=*.shards.index.files.total,*.shards.translog.recovered"
# For how many times as long a node is waited for that says something and does not answer.
_STARTS = 3


def _ask(url: str, path: str, body: Any = None, seconds: float = 10.0) -> dict[str, Any]:
    """The node's answer, empty where there is none that can be read; by GET, with a body by PUT.

    http.client, because a proxy must not come between; whoever has its port now gets so many
    seconds for the whole answer.
    """
    try:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)
        connection.response_class = BoundedResponse
    except (ValueError, http.client.HTTPException):
        return {}
    try:
        headers = {"content-type": "application/json"}
        sent = None if body is None else json.dumps(body)
        connection.request("GET" if body is None else "PUT", path, sent, headers)
        answer = json.loads(connection.getresponse().read(ANSWER_BYTES))
    except (OSError, ValueError, RecursionError, http.client.HTTPException):
        return {}
    finally:
        connection.close()
    return answer if isinstance(answer, dict) else {}


def is_node(url: str, identity: process.Identity) -> bool:
    """Whether what answers at `url` is the node of this start, and no other that has its port."""
    told = _ask(url, f"/_nodes/_local?filter_path=nodes.*.attributes.{process.TOKEN}").get("nodes")
    expected = {"attributes": {process.TOKEN: identity.token}}
    return isinstance(told, dict) and list(told.values()) == [expected]


def _is_recovered(url: str) -> bool:
    """Whether every index is there, or will not come: a broken one must not keep the others."""
    health = _ask(url, _HEALTH)
    if health.get("status") in ("yellow", "green"):
        return True
    return bool(health.get("unassigned_shards")) and not any(
        health.get(name, True) for name in _TO_COME
    )


# What the log says where the node met an index for faiss, whose libraries it has not.
_NO_FAISS = re.compile(r"UnsatisfiedLinkError: no opensearchknn|NoClassDefFoundError.*FaissService")
# With 0 a node starts without opening any index; cluster.routing.allocation.enable would not hold
# for primaries that are on its disk. OpenSearch's default is 4.
_RECOVERIES = "cluster.routing.allocation.node_initial_primaries_recoveries"
NO_SHARDS = {_RECOVERIES: 0}
_NO_GRAPHS = {"index.knn.advanced.approximate_threshold": -1}


def lacks_faiss(log: Path) -> bool:
    """Whether the node ended because it was to build a graph of faiss."""
    return any(_NO_FAISS.search(line) for line in tail(log, 400))


def lacks_port(log: Path) -> bool:
    """Whether the node ended because it could not have the port that it was told."""
    return any("BindHttpException" in line for line in tail(log, 400))


# What Java says of a heap that is too small for the node, or too large for the machine.
_NO_HEAP = re.compile(
    r"OutOfMemoryError: Java heap space|Too small maximum heap|Could not reserve enough space"
    r"|Invalid maximum heap|heap size .* exceeds|insufficient memory|Not enough space"
)


def fault_of_options(log: Path, port: int, heap: str) -> str | None:
    """Why the node cannot run with what its user chose; None for all else.

    port: 0 where none was named.
    """
    if port and lacks_port(log):
        return (
            f"the embedded node cannot listen at port {port}, which another program has or which "
            "needs a right: name another in `port`, or leave it out for any that is free."
        )
    if any(_NO_HEAP.search(line) for line in tail(log, 400)):
        return (
            f"the embedded node cannot run with a heap of {heap}: give it from 512m to half of "
            "this machine's memory in `heap`."
        )
    return None


def without_graphs(url: str) -> list[str]:
    """Turn off the graphs of indexes for faiss, open all indexes, and return the former's names."""
    mappings = _ask(url, "/_mapping?expand_wildcards=all")
    spared = sorted(name for name, told in mappings.items() if _needs_faiss(told))
    for name in spared:
        _ask(url, path_of(name, "_settings"), _NO_GRAPHS)
    _ask(url, "/_cluster/settings", {"transient": {_RECOVERIES: 4}})
    return spared


def _needs_faiss(mapping: Any) -> bool:
    """Whether a part of a mapping is a field of vectors whose engine is not Lucene."""
    if not isinstance(mapping, dict):
        return False
    if mapping.get("type") == "knn_vector":
        method = mapping.get("method")
        return not isinstance(method, dict) or method.get("engine") != "lucene"
    return any(_needs_faiss(part) for part in mapping.values())


def wait_until_ready(layout: Layout, pid: int, identity: process.Identity, seconds: float) -> str:
    """Return the node's URL once its indexes are recovered.

    seconds: in which nothing moves, neither what it says while it starts nor what it recovers: a
    node that is ended in the middle begins all of it again. Raises NodeError, ending with the last
    log lines, where the process ends or nothing moves.
    """
    url = None
    latest = (False, 0)
    end, last = time.monotonic() + seconds, time.monotonic() + _STARTS * seconds
    while True:
        if not process.is_ours(pid, identity):
            raise NodeError(f"the embedded node ended while it started; {_log_end(layout.log)}")
        url = url or _published(layout.ports)
        there = url if url and is_node(url, identity) else None
        if there and _is_recovered(there):
            return there
        found = (True, _recovered(there)) if there else (False, _size(layout.log))
        now = time.monotonic()
        if found > latest and (there or now < last):
            latest, end = found, now + seconds
        if now > end:
            lacks = "recovered no more of its indexes" if there else "did not answer"
            raise NodeError(
                f"the embedded node {lacks} within {seconds:.0f} seconds and was ended; "
                f"{_log_end(layout.log)}"
            )
        time.sleep(POLL_SECONDS)


def _recovered(url: str) -> int:
    """How much of its indexes the node has opened and written again; it only grows."""
    return _total(_ask(url, _RECOVERY))


def _total(part: Any) -> int:
    """All numbers in it."""
    if isinstance(part, dict | list):
        return sum(map(_total, part.values() if isinstance(part, dict) else part))
    return part if isinstance(part, int) else 0


def _size(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


def _published(ports: Path) -> str | None:
    try:
        lines = ports.read_text("utf-8").split()
    except OSError:
        return None
    return f"http://{lines[0]}" if lines else None


def _log_end(log: Path) -> str:
    return f"its log {log} ends:\n" + "\n".join(tail(log, LOG_LINES))
