"""What the tests of loading share: documents, and what an index holds in the end."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cluster import Cluster

ROOT = Path(__file__).resolve().parents[1]


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


def adds_up(report: Any) -> bool:
    """The promise of every ending."""
    return report.read == report.written + report.skipped + report.rejected


def settings_of(cluster: Cluster, index: str) -> dict[str, Any]:
    return next(iter(cluster.client.indices.get_settings(index=index).values()))["settings"][
        "index"
    ]


def meta_of(cluster: Cluster, index: str) -> dict[str, Any]:
    return next(iter(cluster.client.indices.get_mapping(index=index).values()))["mappings"]["_meta"]


def start_script(*words: str) -> subprocess.Popen[str]:
    """Start tests/load_script.py, the process that faults are done to."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.load_script", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
