"""Enriches an index with the stub encoder, and kills itself where it is told to.

Arguments: URL INDEX COPY_TO DEATH. COPY_TO: "" for in place; DEATH: "" for never, a number for
after so many requests, or a part of the path of the request after whose answer it dies. The report
goes to standard output as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

from cluster import connect
from ingest import IngestError, Writing, enrich
from tests.support.stubs import StubEncoder


def dying(send: Any, death: str) -> Any:
    """The client's own way of sending, and a sudden end after one of its requests."""
    sent = 0

    def perform(method: str, path: str, *args: Any, **options: Any) -> Any:
        nonlocal sent
        answer = send(method, path, *args, **options)
        sent += 1
        reached = sent >= int(death) if death.isdecimal() else death in path
        if death and reached:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    return perform


def main() -> int:
    url, index, copy_to, death = sys.argv[1:]
    with connect(url, timeout=60) as cluster:
        transport = cluster.client.transport
        transport.perform_request = dying(transport.perform_request, death)
        try:
            report = enrich(
                cluster,
                index,
                StubEncoder(),
                text_field="body",
                copy_to=copy_to or None,
                writing=Writing(max_outage=60.0),
            )
        except IngestError as error:
            sys.stderr.write(f"{error}\n")
            return 1
    sys.stdout.write(json.dumps(report.to_json()) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
