"""Run `tandem` as people type it, in a process of its own."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from typing import NamedTuple

from tests.support.commands.forking import ROOT, run_tandem


class Done(NamedTuple):
    """How it ended: exit code, standard output, and standard error on one line."""

    code: int
    out: str
    err: str


# Each line of its input is a command line.
_AGAIN_AND_AGAIN = """
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
from tandem.cli import main

for line in sys.stdin:
    code, out, err = None, io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            main(json.loads(line))
        except SystemExit as end:
            code = end.code
    print(json.dumps([code, out.getvalue(), err.getvalue()]), flush=True)
"""


def environment(columns=100, **environ):
    """These variables, and none of TANDEM_ that the tests' own shell has."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TANDEM_")}
    return {"PYTHONPATH": str(ROOT), **kept, "COLUMNS": str(columns), **environ}


@contextmanager
def one_process(columns=100, **environ):
    """What runs `tandem` again and again in one process, for its imports take most of the time."""
    process = subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-c", _AGAIN_AND_AGAIN],
        cwd=ROOT,
        env=environment(columns, **environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def again(*words):
        process.stdin.write(json.dumps([str(each) for each in words]) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        assert answer, f"its process ended with {process.wait()}"
        code, out, err = json.loads(answer)
        return Done(code, out, " ".join(err.split()))

    with process:
        yield again


def tandem(*words, stdin="", cwd=ROOT, columns=100, **environ):
    """Run it with these variables, and none of TANDEM_ that the tests' own shell has."""
    environ = environment(columns, **environ)
    done = run_tandem(words, cwd=cwd, env=environ, input=stdin, timeout=900)
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
