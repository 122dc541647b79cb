"""What the tests of loading share: documents, and what an index holds in the end."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from cluster import Cluster
from ingest import Report, ingest
from ingest.index.note import SILENT_SECONDS, read_note
from mappings import LOADING

ROOT = Path(__file__).resolve().parents[2]


def documents(count: int, first: int = 0) -> list[dict[str, Any]]:
    """Short documents, each unlike the others."""
    return [
        {
            "id": f"d{n}",
            "title": f"Title {n}",
            "text": f"Document number {n} has word{n * 7} in it.",
            "year": 1900 + n % 100,
        }
        for n in range(first, first + count)
    ]


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def stored(cluster: Cluster, index: str) -> dict[str, dict[str, Any]]:
    """Everything in an index, by `_id`, vectors included."""
    client = cluster.client
    client.indices.refresh(index=index)
    source = {"excludes": []} if cluster.capabilities.distribution == "opensearch" else ["*"]
    body = {"size": 1000, "sort": ["_doc"], "_source": source}
    answer = client.search(index=index, body=body, scroll="1m")
    found = {}
    while hits := answer["hits"]["hits"]:
        found |= {hit["_id"]: hit["_source"] for hit in hits}
        answer = client.scroll(body={"scroll_id": answer["_scroll_id"], "scroll": "1m"})
    client.clear_scroll(body={"scroll_id": [answer["_scroll_id"]]})
    return found


def ingested(source: Any, *, reports: list[Report] | None = None, **given: Any) -> Report:
    """`ingest`, holding every ending, good or bad, to the promise that nothing is unaccounted for.

    What was taken from the source (counted here) is written, skipped, rejected, or told to be on
    its way; each reject has its line in the rejects file. reports: gets every Report.
    """
    seen = reports if reports is not None else []
    counter = _Counter(source)
    told = given.pop("on_progress", lambda report: None)

    def on_progress(report: Report) -> None:
        seen.append(report)
        told(report)

    try:
        return ingest(counter if counter.counts else source, on_progress=on_progress, **given)
    finally:
        assert all(each.read == each.written + each.skipped + each.rejected for each in seen)
        for last in seen[-1:]:  # none where it was refused before it began
            # One that was just handed over when the run was stopped is not taken yet.
            off = counter.taken - last.read - last.unfinished if counter.counts else 0
            assert off in (0, 1), f"{off} documents are unaccounted for"
            assert last.rejected == (len(lines_of(last.rejects)) if last.rejects else 0)


class _Counter:
    """An iterable of documents that knows how many were taken; paths are no such thing."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self.counts = not isinstance(source, str | Path)
        self.taken = 0

    def __iter__(self) -> Iterator[Any]:
        for each in self._source:
            self.taken += 1
            yield each


def lines_of(path: str | Path) -> list[Any]:
    """What a JSONL file holds."""
    return [json.loads(line) for line in Path(path).read_bytes().splitlines()]


def settings_of(cluster: Cluster, index: str) -> dict[str, Any]:
    return next(iter(cluster.client.indices.get_settings(index=index).values()))["settings"][
        "index"
    ]


def meta_of(cluster: Cluster, index: str) -> dict[str, Any]:
    return next(iter(cluster.client.indices.get_mapping(index=index).values()))["mappings"]["_meta"]


def start_script(*words: str) -> subprocess.Popen[str]:
    """Start tests/support/processes/load_script.py, the process that faults are done to."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.processes.load_script", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def first_line(process: subprocess.Popen[str], seconds: float = 120.0) -> str:
    """What it says first; "" where it ends before, or says nothing for so long and is ended."""
    late = threading.Timer(seconds, process.kill)
    late.start()
    try:
        return process.stdout.readline()
    finally:
        late.cancel()


def silence(cluster: Cluster, index: str) -> None:
    """Let the loaders of an index look as if they were not heard of for long; it may have none."""
    description = cluster.client.indices.get(index=index)[index]
    if (note := read_note(index, description)) is None:
        return
    loaders = {
        token: replace(each, at=each.at - int(SILENT_SECONDS) - 5)
        for token, each in note.loaders.items()
    }
    meta = description["mappings"]["_meta"] | {LOADING: asdict(replace(note, loaders=loaders))}
    cluster.client.indices.put_mapping(index=index, body={"_meta": meta})
