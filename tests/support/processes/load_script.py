"""Loads a file with the stub encoder, for tests that kill, interrupt or measure the process.

Arguments: URL INDEX SOURCE LOG SECONDS_PER_TEXT. Every encoded text goes to LOG before its vector
is used; the report goes to standard output as JSON, with the peak resident memory in KiB:
VmHWM, because ru_maxrss of a child begins with what its parent had.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Event

import numpy as np

from cluster import connect
from ingest import IngestError, Plan, Report, Writing, ingest
from tests.support.stubs import StubEncoder


class LoggingEncoder(StubEncoder):
    """Writes down what it encodes, unbuffered, so that a kill loses nothing of it."""

    def __init__(self, log: Path, seconds: float) -> None:
        super().__init__(seconds=seconds)
        self._log = log.open("ab", buffering=0)

    def stream_passages(
        self, texts: Iterable[str], stopping: Event | None = None
    ) -> Iterator[np.ndarray]:
        def logged() -> Iterator[str]:
            for text in texts:
                self._log.write(json.dumps(text).encode() + b"\n")
                yield text

        for vector in super().stream_passages(logged(), stopping):
            self.encoded.clear()
            yield vector


def main() -> int:
    url, index, source, log, seconds = sys.argv[1:]
    last: list[Report] = []

    def on_progress(report: Report) -> None:
        if not last:
            sys.stdout.write("loading\n")
            sys.stdout.flush()
        last[:] = [report]

    plan = Plan(writing=Writing(max_count=100))
    try:
        with connect(url) as cluster:
            encoder = LoggingEncoder(Path(log), float(seconds))
            ingest(
                source,
                cluster=cluster,
                encoder=encoder,
                index=index,
                plan=plan,
                on_progress=on_progress,
            )
        return 0
    except KeyboardInterrupt:
        return 130
    except IngestError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        peak = int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1])
        sys.stdout.write(json.dumps(last[0].to_json() | {"peak_kib": peak}) + "\n")


if __name__ == "__main__":
    sys.exit(main())
