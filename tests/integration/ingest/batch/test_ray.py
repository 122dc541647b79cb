"""A load on Ray, with processes of it killed, leaves what a local load of the same files leaves."""

import csv
import json
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cluster import connect
from ingest import Plan, RayRunner, ingest
from tests.support.loads import documents, lines_of, stored, write_jsonl
from tests.support.stubs import StubEncoder

pytestmark = pytest.mark.long
# Of each file; a batch is at most 1,024.
ROWS = 400


def sources(folder: Path) -> list[str]:
    """Files of three formats with one row of a hundred bad, and ids that come twice."""
    folder.mkdir()
    for number in range(2):
        rows = documents(ROWS, number * ROWS)
        rows[1] = {**rows[1], "text": ""} | {"title": ""}
        rows[5] = {**rows[5], "id": "d3"}  # of the first file
        write_jsonl(folder / f"a{number}.jsonl", rows)
    with (folder / "b.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, ["id", "title", "text", "year"])
        table.writeheader()
        table.writerows([*documents(ROWS, 3 * ROWS), {"id": "bare", "text": "", "title": ""}])
    rows = [*documents(ROWS, 4 * ROWS), {"id": None, "title": "none", "text": "no id", "year": 1}]
    pq.write_table(pa.Table.from_pylist(rows), folder / "c.parquet")
    return sorted(str(each) for each in folder.iterdir() if each.is_file())


def workers() -> list[psutil.Process]:
    """Ray's processes that load batches, below this one."""
    found = []
    for each in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it has ended meanwhile
            if each.cmdline()[:1] and each.cmdline()[0].startswith("ray::MapWorker"):
                found.append(each)
    return found


def rejects(path):
    found = [json.dumps(each, sort_keys=True) for each in lines_of(path)]
    return sorted(found)


def test_a_load_on_ray_equals_a_local_one(opensearch, index_name, tmp_path):
    files, local, killed = sources(tmp_path / "in"), f"{index_name}-local", []
    load = partial(
        ingest, files, cluster=opensearch, encoder=StubEncoder(), plan=Plan(rejects=tmp_path / "r")
    )
    expected = load(index=local)
    refused = rejects(expected.rejects)
    runner = RayRunner(
        connect=partial(connect, opensearch.url),
        load_encoder=partial(StubEncoder, seconds=0.002),
        workers=2,
    )

    def kill_one(report):
        if not killed and (found := workers()):
            time.sleep(1)  # in the middle of its batch
            killed.append(found[0].pid)
            found[0].kill()

    report = load(index=index_name, runner=runner, on_progress=kill_one)
    assert killed
    counts = (report.read, report.rejected, report.written + report.skipped, report.held)
    assert counts == (
        expected.read,
        expected.rejected,
        expected.written + expected.skipped,
        expected.held,
    )
    assert rejects(report.rejects) == refused
    assert stored(opensearch, index_name) == stored(opensearch, local)
    again = load(index=index_name, runner=runner)
    assert (again.written, again.skipped, again.rejected) == (
        0,
        expected.written,
        expected.rejected,
    )
