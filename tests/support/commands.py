"""Run `tandem` as people type it, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Done(NamedTuple):
    """How it ended: exit code, standard output, and standard error on one line."""

    code: int
    out: str
    err: str


def tandem(*words, stdin="", cwd=ROOT, columns=100, **environ):
    """Run it with these variables, and none of TANDEM_ that the tests' own shell has."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TANDEM_")}
    done = subprocess.run(
        [sys.executable, "-m", "tandem", *map(str, words)],
        cwd=cwd,
        env={"PYTHONPATH": str(ROOT), **kept, "COLUMNS": str(columns), **environ},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert "Traceback" not in done.stderr
    return Done(done.returncode, done.stdout, " ".join(done.stderr.split()))


def python(program, *words):
    """Run a program in a process of its own, and return what it prints; it must end well."""
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
