"""Wait until a node that was just started answers, or say what its log says."""

from __future__ import annotations

import http.client
import os
import re
import time
from pathlib import Path
from urllib.parse import urlsplit

from cluster.errors import NodeError
from cluster.node import process
from cluster.node.files import Layout

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
# Primaries recovered; on one node replicas never are.
_HEALTH = "/_cluster/health?wait_for_status=yellow&timeout=5s"


def answers(url: str, path: str = "/", seconds: float = 10.0) -> bool:
    """Whether GET on the node gives 200; http.client, because a proxy must not come between."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def wait_until_ready(layout: Layout, pid: int, seconds: float) -> str:
    """Return the node's URL once its indexes are recovered.

    Raises NodeError, ending with the last log lines, where the process ends or takes too long.
    """
    deadline = time.monotonic() + seconds
    url = None
    while True:
        if not process.is_ours(pid, layout.marker):
            raise NodeError(f"the embedded node ended while it started; {_log_end(layout.log)}")
        url = url or _published(layout.ports)
        if url and answers(url, _HEALTH):
            return url
        if time.monotonic() > deadline:
            raise NodeError(
                f"the embedded node did not answer within {seconds:.0f} seconds and was ended; "
                f"{_log_end(layout.log)}"
            )
        time.sleep(POLL_SECONDS)


def _published(ports: Path) -> str | None:
    try:
        lines = ports.read_text("utf-8").split()
    except OSError:
        return None
    return f"http://{lines[0]}" if lines else None


def _log_end(log: Path) -> str:
    return f"its log {log} ends:\n" + "\n".join(tail(log, LOG_LINES))
