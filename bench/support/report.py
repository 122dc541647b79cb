"""What benchmarks share: whether they reached what they should, and the peak memory of a way."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from encoder.model.locate import locate

ROOT = Path(__file__).resolve().parents[2]
CHILD = """
import json, re, sys
from pathlib import Path
way, model, texts = sys.argv[1], sys.argv[2], json.loads(sys.stdin.read())
if way == "theirs":
    from sentence_transformers import SentenceTransformer
    SentenceTransformer(model, device="cpu", model_kwargs={"dtype": "float32"}).encode(texts)
else:
    from encoder import Encoder
    Encoder.load(model, precision=way, device="cpu").encode_passages(texts)
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


def peak_megabytes(way: str, model: str, texts: list[str]) -> float:
    """Peak resident memory of a process that does nothing else."""
    command = [sys.executable, "-c", CHILD, way, str(locate(model))]
    done = subprocess.run(
        command, input=json.dumps(texts), capture_output=True, text=True, cwd=ROOT, check=True
    )
    return int(done.stdout.split()[-1]) / 1e3


def show(
    title: str, headings: Sequence[str], rows: Sequence[Sequence[str]], markdown: Path
) -> None:
    """Print a table, and add it to a file of Markdown."""
    table = Table(*headings, title=title, title_justify="left")
    for row in rows:
        table.add_row(*row)
    Console(width=180).print(table)
    lines = [headings, ["---"] * len(headings), *rows]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    markdown.parent.mkdir(parents=True, exist_ok=True)
    with markdown.open("a", encoding="utf-8") as file:
        file.write(f"{title}\n\n{text}\n\n")


def verdict(what: str, value: float, target: float, *, at_least: bool) -> None:
    met = value >= target if at_least else value <= target
    sign = ">=" if at_least else "<="
    print(f"{what} {value:.4g} (target {sign} {target}) {'met' if met else 'MISSED'}")
