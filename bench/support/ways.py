"""The ways to load and to search that bench/load.py compares, and how one of them is run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PEERS = Path(__file__).with_name("peers")
ROOT = PEERS.parents[2]
MOST_SECONDS = 1800
Figures = dict[str, Any]


@dataclass
class Way:
    """One way to load: what runs it, and what was measured in each round.

    vector: the field that it stores vectors in; framework: whether it is one, which decides what it
    is compared with; searched: whether its index is searched too; loads, searches: what `run.py`
    told.
    """

    name: str
    module: str
    precision: str = "float32"
    backend: str = "torch"
    writer: str = "bulk"
    vector: str = "vector"
    framework: bool = False
    searched: bool = True
    loads: list[Figures] = field(default_factory=list)
    searches: list[Figures] = field(default_factory=list)
    cosine: float = 0.0
    ranking: float = 0.0

    @property
    def ours(self) -> bool:
        """Whether it is Tandem's."""
        return self.module == "by_tandem"

    @property
    def index(self) -> str:
        """The name of its index."""
        words = (self.module.removeprefix("by_"), self.backend, self.precision, self.writer)
        return f"tandem-bench-load-{'-'.join(words)}".replace("_", "-")


def every_way() -> list[Way]:
    """Ours first."""
    ways = [Way(f"Tandem {each}", "by_tandem", each, "tandem") for each in ("bfloat16", "float32")]
    # Queries are encoded in float32, whatever the passages were.
    ways[0].searched = False
    for backend in ("torch", "openvino"):
        for precision in ("float32", "bfloat16"):
            for writer in ("bulk", "parallel_bulk"):
                name = f"SentenceTransformer {backend} {precision}, {writer}"
                way = Way(name, "by_sentence_transformers", precision, backend, writer)
                way.searched = (precision, writer) == ("float32", "bulk")
                ways.append(way)
    ways.append(Way("fastembed float32, parallel_bulk", "by_fastembed", writer="parallel_bulk"))
    ways[-1].backend = "onnx"
    for name, module, vector in (
        ("LangChain float32", "by_langchain", "vector_field"),
        ("Haystack float32", "by_haystack", "embedding"),
        ("LlamaIndex float32", "by_llama_index", "embedding"),
    ):
        ways.append(Way(name, module, vector=vector, framework=True))
    return ways


class PeerFailedError(Exception):
    """A way ended with an error."""


@dataclass(frozen=True)
class Runner:
    """Runs a way in a fresh process. python: of the peers; common: what every job says."""

    python: Path
    common: dict[str, Any]

    def run(self, way: Way, action: str, **more: Any) -> Figures:
        """What the process told, with `whole`, its seconds from start to end."""
        mine = {"precision": way.precision, "backend": way.backend, "writer": way.writer}
        job = {**self.common, **mine, "index": way.index, **more}
        python, path = (sys.executable, ROOT) if way.ours else (self.python, PEERS)
        quiet = {"HF_HUB_OFFLINE": "1", "HAYSTACK_TELEMETRY_ENABLED": "False"}
        # pip compiled the peers when it installed them; a checkout is compiled when it first runs.
        quiet["PYTHONDONTWRITEBYTECODE"] = ""
        began = time.time()
        words = [str(python), str(PEERS / "run.py"), way.module, action]
        with tempfile.TemporaryFile("w+") as said:
            done = subprocess.run(
                [*words, json.dumps({**job, "began": began})],
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                timeout=MOST_SECONDS,
                env={**os.environ, **quiet, "PYTHONPATH": str(path)},
            )
            whole = time.time() - began
            if done.returncode:
                said.seek(0)
                raise PeerFailedError(f"{way.name} failed to {action}:\n{said.read()[-3000:]}")
        found: Figures | None = json.loads(done.stdout.splitlines()[-1])
        return {**(found or {}), "whole": whole}
