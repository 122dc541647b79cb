"""A load on Ray with its parts killed, beside a local load of the same files.

In full size, 20,000 documents in 40 files: python -m tests.integration.ingest.batch.ray_proof
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from cluster import connect
from ingest import Plan, RejectLimit, ingest
from tests.servers.servers import OpenSearchServer
from tests.support.loads import ROOT, documents, lines_of, stored
from tests.support.stubs import StubEncoder

# Of how many rows one is bad.
ONE_OF = 100
MOST_SECONDS = 900.0
MANY = RejectLimit(share=0.05)
WORKER, READER = "ray::MapWorker", "ray::FlatMap"


def sources(folder: Path, count: int, files: int) -> list[str]:
    """Documents in files of three formats, 1 % bad: no text, no id, an id that another has."""
    folder.mkdir()
    each, bad = count // files, 0
    writers = (_jsonl, _csv, _parquet)
    for number in range(files):
        rows = documents(each, number * each)
        for row in rows[ONE_OF // 2 :: ONE_OF] if each > ONE_OF // 2 else rows[:1]:
            row |= ({"text": "", "title": ""}, {"id": ""}, {"id": "d1"})[bad % 3]
            bad += 1
        writers[number % 3](folder / f"{number:04}", rows)
    return sorted(str(path) for path in folder.iterdir())


def _jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    with gzip.open(f"{path}.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def _csv(path: Path, rows: list[dict[str, Any]]) -> None:
    text = io.StringIO()
    table = csv.DictWriter(text, list(rows[0]))
    table.writeheader()
    table.writerows(rows)
    path.with_suffix(".csv").write_text(text.getvalue(), newline="")


def _parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    pq.write_table(pa.Table.from_pylist(rows), path.with_suffix(".parquet"))


def rejects(path: Path) -> list[str]:
    return sorted(json.dumps(each, sort_keys=True) for each in lines_of(path))


class Driver:
    """A load on Ray in a process of its own; reports: what it said so far."""

    def __init__(self, *words: Any) -> None:
        self.reports: list[dict[str, Any]] = []
        self._errors: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.processes.ray_script", *map(str, words)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._heard = threading.Thread(target=self._listen, daemon=True)
        self._heard.start()
        threading.Thread(
            target=lambda: self._errors.extend(self._process.stderr or ()), daemon=True
        ).start()

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            self.reports.append(json.loads(line))

    def said(self) -> str:
        """What went to its standard error."""
        return "".join(self._errors)

    def parts(self, kind: str) -> list[psutil.Process]:
        """Ray's processes of a kind below it."""
        found = []
        for each in self.family():
            with suppress(psutil.Error):  # it has ended meanwhile
                if each.cmdline()[:1] and each.cmdline()[0].startswith(kind):
                    found.append(each)
        return found

    def family(self) -> list[psutil.Process]:
        """All that it started."""
        with suppress(psutil.Error):
            return psutil.Process(self._process.pid).children(recursive=True)
        return []

    def addresses(self) -> set[str]:
        """Where it and its family listen."""
        found = set()
        for each in [psutil.Process(self._process.pid), *self.family()]:
            with suppress(psutil.Error):
                listening = [c for c in each.net_connections("inet") if c.status == "LISTEN"]
                found |= {c.laddr.ip for c in listening}
        return found

    def read(self) -> int:
        """Documents that are finished."""
        return int(self.reports[-1]["read"]) if self.reports else 0

    def until(self, holds: Callable[[], Any]) -> Any:
        """Wait until that holds, and return what it says; fails once the load has ended."""
        end = time.monotonic() + MOST_SECONDS
        while not (found := holds()):
            if self._process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"it ended, or hung: {self.said()}; {self.reports[-1:]}")
            time.sleep(0.05)
        return found

    def kill(self) -> list[psutil.Process]:
        """As a machine would that runs out of memory; what it had started."""
        family = self.family()
        self._process.kill()
        self._process.wait(MOST_SECONDS)
        return family

    def end(self) -> dict[str, Any]:
        """Wait for its good end, and return its last report."""
        family = self.family()
        assert self._process.wait(MOST_SECONDS) == 0, self.said()
        self._heard.join(10.0)
        assert gone(family)
        return self.reports[-1]


def gone(family: list[psutil.Process]) -> bool:
    """Whether none of them is left within a while: without a raylet Ray's agents stay a minute."""
    return not psutil.wait_procs(family, timeout=180.0)[1]


def fault(driver: Driver, server: OpenSearchServer, count: int) -> dict[str, int]:
    """Kill a worker, a reader, the node, and a worker again, in the middle; what was killed when.

    count: of all documents.
    """
    killed: dict[str, int] = {}

    def kill(what: str, kind: str, after: float) -> None:
        driver.until(lambda: driver.read() >= after * count)
        driver.until(lambda: driver.parts(kind))[0].kill()
        killed[what] = driver.read()

    driver.until(lambda: driver.parts(READER))[0].kill()
    assert driver.addresses() <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    killed["reader"] = driver.read()
    kill("worker", WORKER, 0.1)
    driver.until(lambda: driver.read() >= 0.3 * count)
    server.kill()
    killed["node"] = driver.read()
    # Beside it: the load goes on once the node answers, which is before it holds all it held.
    with ThreadPoolExecutor(1) as beside:
        started = beside.submit(server.start)
        kill("worker again", WORKER, 0.5)
        started.result()
    return killed


def prove(
    server: OpenSearchServer, folder: Path, count: int, files: int, seconds: float
) -> dict[str, Any]:
    """Load on two workers with faults, again, and with its driver killed; raises AssertionError.

    seconds: for which a text is encoded. Returns what was seen.
    """
    named, seen = sources(folder / "in", count, files), {}

    def load(index: str) -> Driver:
        return Driver(server.url, index, folder / f"{index}.rejects", seconds, 2, *named)

    with connect(server.url) as cluster:
        plan = Plan(rejects=folder / "local.rejects", max_rejects=MANY)
        expected = ingest(named, cluster=cluster, encoder=StubEncoder(), index="local", plan=plan)
        # So that the node, once it is killed, has only the other's writes to do again.
        cluster.client.indices.flush(index="local")

        def equal(report: dict[str, Any], index: str) -> None:
            ours = (report["read"], report["rejected"], report["written"] + report["skipped"])
            local = (expected.read, expected.rejected, expected.written + expected.skipped)
            assert ours == local
            assert report["passages"]["held"] == expected.held
            assert rejects(folder / f"{index}.rejects") == rejects(folder / "local.rejects")
            assert stored(cluster, index) == stored(cluster, "local")

        with timed(seen, "driver killed"):
            driver = load("ray")
            driver.until(lambda: driver.read() >= 0.2 * count)
            parts = [*driver.parts(WORKER), *driver.parts(READER)]
            left = driver.kill()
            # These end at once, two helpers of Ray's a minute later.
            assert gone(parts)
        with timed(seen, "finished with faults"):
            driver = load("ray")
            seen["killed"] = fault(driver, server, count)
            seen["report"] = driver.end()
        assert seen["report"]["skipped"] >= 0.2 * count * 0.9
        equal(seen["report"], "ray")
        with timed(seen, "again"):
            again = load("ray").end()
        assert (again["written"], again["rejected"]) == (0, expected.rejected)
        assert again["skipped"] == expected.written + expected.skipped
        assert gone(left)
    return seen


@contextmanager
def timed(seen: dict[str, Any], what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    seen[f"{what} (s)"] = round(time.monotonic() - began, 1)


def main() -> None:
    with closing(OpenSearchServer()) as server:
        server.start()
        with tempfile.TemporaryDirectory() as folder:
            seen = prove(server, Path(folder), 20_000, 40, 0.004)
        sys.stdout.write(json.dumps(seen, indent=1) + "\n")


if __name__ == "__main__":
    main()
