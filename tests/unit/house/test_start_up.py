"""`tandem --help` must stay quick: no torch, and under three times the cost of importing click."""

import statistics
import subprocess
import sys
import time

ROUNDS = 7
MOST_TIMES_CLICK = 3.0
PROGRAM = """
import sys
from tandem.cli import main
try:
    main(["--help"])
except SystemExit:
    print(*sys.modules)
"""


def run(*code):
    started = time.perf_counter()
    done = subprocess.run([sys.executable, *code], capture_output=True, text=True, check=True)
    return time.perf_counter() - started, done


def test_help_imports_nothing_heavy():
    _, done = run("-c", PROGRAM)
    assert "Usage: tandem" in done.stdout
    loaded = set(done.stdout.split())
    assert not loaded & {
        "torch",
        "transformers",
        "opensearchpy",
        "numpy",
        "pyarrow",
        "rich",
        "openvino",
    }


def test_help_costs_less_than_three_imports_of_click():
    help_times, click_times = [], []
    for _ in range(ROUNDS):
        help_times.append(run("-m", "tandem", "--help")[0])
        click_times.append(run("-c", "import click")[0])
    ratio = statistics.median(help_times) / statistics.median(click_times)
    assert ratio < MOST_TIMES_CLICK, f"tandem --help takes {ratio:.2f} times `import click`"
